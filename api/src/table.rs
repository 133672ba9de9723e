//! Tables as CSV (RFC 4180) and Parquet, for those who ask for them by `Accept`. Decimals stay exact in both.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use chrono::NaiveDate;
use parquet::basic::{ConvertedType, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, FixedLenByteArray, FixedLenByteArrayType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::Type;
use rust_decimal::Decimal;

use crate::problem::{INTERNAL, NOT_ACCEPTABLE, Problem};

const CSV: &str = "text/csv";
const PARQUET: &str = "application/vnd.apache.parquet";

/// In which form an answer is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    Csv,
    Parquet,
}

impl Form {
    /// By name, which goes before `Accept`.
    pub(crate) fn named_or_asked_for(name: Option<&str>, headers: &HeaderMap) -> Result<Self, Problem> {
        match name {
            None => Self::asked_for(headers),
            Some("json") => Ok(Self::Json),
            Some("csv") => Ok(Self::Csv),
            Some("parquet") => Ok(Self::Parquet),
            Some(other) => Err(Problem::parameter("format", format!("is {other:?}, not json, csv or parquet"))),
        }
    }

    /// The first of those in `Accept` that there is; JSON where nothing is asked.
    pub(crate) fn asked_for(headers: &HeaderMap) -> Result<Self, Problem> {
        let accept: Vec<&str> = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
        if accept.is_empty() {
            return Ok(Self::Json);
        }
        let ranges =
            accept.iter().flat_map(|value| value.split(',')).map(|range| range.split(';').next().unwrap_or_default().trim());
        let known = |range: &str| match range.to_ascii_lowercase().as_str() {
            "*/*" | "application/*" | "application/json" => Some(Self::Json),
            CSV | "text/*" => Some(Self::Csv),
            PARQUET => Some(Self::Parquet),
            _ => None,
        };
        ranges.clone().find_map(known).ok_or_else(|| {
            let detail = format!("Accept {:?} asks for none of application/json, {CSV}, {PARQUET}", accept.join(", "));
            Problem::new(&NOT_ACCEPTABLE, detail)
        })
    }
}

/// One column, all of its rows.
#[derive(Debug)]
pub(crate) enum Column {
    Text(Vec<Option<String>>),
    Number(Vec<Option<Decimal>>),
    Whole(Vec<i64>),
    Truth(Vec<bool>),
    Day(Vec<NaiveDate>),
}

/// Rows, from which columns are taken.
#[derive(Debug)]
pub(crate) struct Rows<'a, R>(pub(crate) &'a [R]);

impl<'a, R> Rows<'a, R> {
    pub(crate) fn text<T: Into<String>>(&self, of: impl Fn(&'a R) -> Option<T>) -> Column {
        Column::Text(self.0.iter().map(|row| of(row).map(Into::into)).collect())
    }

    pub(crate) fn number(&self, of: impl Fn(&R) -> Option<Decimal>) -> Column {
        Column::Number(self.0.iter().map(of).collect())
    }

    pub(crate) fn whole(&self, of: impl Fn(&R) -> i64) -> Column {
        Column::Whole(self.0.iter().map(of).collect())
    }

    pub(crate) fn truth(&self, of: impl Fn(&R) -> bool) -> Column {
        Column::Truth(self.0.iter().map(of).collect())
    }

    pub(crate) fn day(&self, of: impl Fn(&R) -> NaiveDate) -> Column {
        Column::Day(self.0.iter().map(of).collect())
    }
}

/// Named columns of the same length.
#[derive(Debug)]
pub(crate) struct Table(Vec<(&'static str, Column)>);

/// No more rows are answered as one table.
pub(crate) const ROWS_MAX: u32 = 100_000;

/// Digits after the point of a decimal in Parquet; figures are rounded to as many.
const SCALE: u32 = 6;
const PRECISION: i32 = 38;

impl Table {
    pub(crate) fn new(columns: impl IntoIterator<Item = (&'static str, Column)>) -> Self {
        let table = Self(columns.into_iter().collect());
        assert!(table.0.iter().all(|(_, column)| column.len() == table.rows()), "every column has all rows");
        table
    }

    fn rows(&self) -> usize {
        self.0.first().map_or(0, |(_, column)| column.len())
    }

    /// As a page of rows, or all of them: what does not fit is never left out unless a page was asked for.
    pub(crate) fn page(&self, form: Form, name: &str, next: Option<&str>, is_page: bool) -> Result<Response, Problem> {
        let Some(next) = next else { return self.answer(form, name) };
        if !is_page {
            let detail =
                format!("asks for more than {ROWS_MAX} rows; ask for fewer periods or one segment, or for pages by limit");
            return Err(Problem::parameter("from", detail));
        }
        let mut response = self.answer(form, name)?;
        let next = HeaderValue::from_str(next).expect("a cursor is letters, digits and dashes");
        response.headers_mut().insert("ledger-next", next);
        Ok(response)
    }

    /// As a file of that name.
    pub(crate) fn answer(&self, form: Form, name: &str) -> Result<Response, Problem> {
        let (content_type, extension, bytes) = match form {
            Form::Parquet => (PARQUET, "parquet", self.parquet().map_err(|error| unwritten(&error))?),
            Form::Csv | Form::Json => ("text/csv; charset=utf-8", "csv", self.csv().map_err(|error| unwritten(&error))?),
        };
        let disposition = format!("attachment; filename=\"{name}.{extension}\"");
        let disposition = HeaderValue::from_str(&disposition).expect("a KPI's id is a header's value");
        Ok((
            [(header::CONTENT_TYPE, HeaderValue::from_static(content_type)), (header::CONTENT_DISPOSITION, disposition)],
            bytes,
        )
            .into_response())
    }

    fn csv(&self) -> Result<Vec<u8>, csv::Error> {
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        writer.write_record(self.0.iter().map(|(name, _)| *name))?;
        for row in 0..self.rows() {
            writer.write_record(self.0.iter().map(|(_, column)| column.text(row)))?;
        }
        writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
    }

    fn parquet(&self) -> Result<Vec<u8>, ParquetError> {
        let fields =
            self.0.iter().map(|(name, column)| Ok(Arc::new(column.field(name)?))).collect::<Result<_, ParquetError>>()?;
        let schema = Arc::new(Type::group_type_builder("figures").with_fields(fields).build()?);
        let mut file = SerializedFileWriter::new(Vec::new(), schema, Arc::new(WriterProperties::new()))?;
        let mut group = file.next_row_group()?;
        for (_, column) in &self.0 {
            let mut writer =
                group.next_column()?.ok_or_else(|| ParquetError::General("a column more than the schema".to_owned()))?;
            column.write(&mut writer)?;
            writer.close()?;
        }
        group.close()?;
        file.into_inner()
    }
}

/// Rows of texts as a CSV file of that name.
pub(crate) fn csv_file<const N: usize>(
    name: &str,
    columns: &[&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> Result<Response, Problem> {
    let write = || {
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        writer.write_record(columns)?;
        for row in rows {
            writer.write_record(row)?;
        }
        writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
    };
    let bytes = write().map_err(|error| unwritten(&error))?;
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}.csv\"")).expect("a name of ours");
    let content_type = HeaderValue::from_static("text/csv; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, content_type), (header::CONTENT_DISPOSITION, disposition)], bytes).into_response())
}

fn unwritten(error: &(dyn std::error::Error + 'static)) -> Problem {
    tracing::error!(error, "A table could not be written");
    Problem::new(&INTERNAL, "the table could not be written".to_owned())
}

impl Column {
    fn len(&self) -> usize {
        match self {
            Self::Text(rows) => rows.len(),
            Self::Number(rows) => rows.len(),
            Self::Whole(rows) => rows.len(),
            Self::Truth(rows) => rows.len(),
            Self::Day(rows) => rows.len(),
        }
    }

    fn text(&self, row: usize) -> String {
        match self {
            Self::Text(rows) => rows[row].clone().unwrap_or_default(),
            Self::Number(rows) => rows[row].map_or_else(String::new, |number| number.normalize().to_string()),
            Self::Whole(rows) => rows[row].to_string(),
            Self::Truth(rows) => rows[row].to_string(),
            Self::Day(rows) => rows[row].to_string(),
        }
    }

    fn field(&self, name: &str) -> Result<Type, ParquetError> {
        let of = |physical, repetition| Type::primitive_type_builder(name, physical).with_repetition(repetition);
        match self {
            Self::Text(_) => {
                of(Physical::BYTE_ARRAY, Repetition::OPTIONAL).with_logical_type(Some(LogicalType::String)).build()
            }
            Self::Number(_) => of(Physical::FIXED_LEN_BYTE_ARRAY, Repetition::OPTIONAL)
                .with_length(16)
                .with_converted_type(ConvertedType::DECIMAL)
                .with_precision(PRECISION)
                .with_scale(i32::try_from(SCALE).expect("a small number"))
                .build(),
            Self::Whole(_) => of(Physical::INT64, Repetition::REQUIRED).build(),
            Self::Truth(_) => of(Physical::BOOLEAN, Repetition::REQUIRED).build(),
            Self::Day(_) => of(Physical::INT32, Repetition::REQUIRED).with_logical_type(Some(LogicalType::Date)).build(),
        }
    }

    fn write(&self, writer: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        match self {
            Self::Text(rows) => {
                let values: Vec<ByteArray> = rows.iter().flatten().map(|text| ByteArray::from(text.as_str())).collect();
                writer.typed::<ByteArrayType>().write_batch(&values, Some(&there(rows)), None)?;
            }
            Self::Number(rows) => {
                let values: Vec<FixedLenByteArray> = rows.iter().flatten().map(fixed).collect();
                writer.typed::<FixedLenByteArrayType>().write_batch(&values, Some(&there(rows)), None)?;
            }
            Self::Whole(rows) => drop(writer.typed::<Int64Type>().write_batch(rows, None, None)?),
            Self::Truth(rows) => drop(writer.typed::<BoolType>().write_batch(rows, None, None)?),
            Self::Day(rows) => {
                let epoch = NaiveDate::default();
                let days = |day: &NaiveDate| i32::try_from((*day - epoch).num_days()).expect("years that calendars know");
                writer.typed::<Int32Type>().write_batch(&rows.iter().map(days).collect::<Vec<_>>(), None, None)?;
            }
        }
        Ok(())
    }
}

/// 1 where there is a value, 0 where there is none.
fn there<T>(rows: &[Option<T>]) -> Vec<i16> {
    rows.iter().map(|row| row.is_some().into()).collect()
}

/// A decimal as a big-endian integer of [`SCALE`] digits after the point.
fn fixed(number: &Decimal) -> FixedLenByteArray {
    let mut number = *number;
    number.rescale(SCALE);
    ByteArray::from(number.mantissa().to_be_bytes().to_vec()).into()
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;

    use super::*;

    fn table() -> Table {
        let number = |text: &str| text.parse().ok();
        Table::new([
            ("segment", Column::Text(vec![Some("team:a, \"b\"".to_owned()), None])),
            ("value", Column::Number(vec![number("-1234.5"), None])),
            ("n", Column::Whole(vec![3, 0])),
            ("partial", Column::Truth(vec![true, false])),
            ("period", Column::Day(vec!["2024-02-29".parse().unwrap(), "1969-12-31".parse().unwrap()])),
        ])
    }

    #[test]
    fn csv_quotes_what_needs_it_and_leaves_empty_what_is_not_there() {
        let csv = String::from_utf8(table().csv().unwrap()).unwrap();
        let expected =
            "segment,value,n,partial,period\r\n\"team:a, \"\"b\"\"\",-1234.5,3,true,2024-02-29\r\n,,0,false,1969-12-31\r\n";
        assert_eq!(csv, expected);
    }

    #[test]
    fn parquet_reads_back_digit_for_digit() {
        let bytes = bytes::Bytes::from(table().parquet().unwrap());
        let reader = SerializedFileReader::new(bytes).unwrap();
        let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].get_string(0).unwrap(), "team:a, \"b\"");
        let decimal = rows[0].get_decimal(1).unwrap();
        assert_eq!((decimal.scale(), i128::from_be_bytes(decimal.data().try_into().unwrap())), (6, -1_234_500_000));
        assert_eq!((rows[0].get_long(2).unwrap(), rows[0].get_bool(3).unwrap()), (3, true));
        assert_eq!(rows[1].to_string(), "{segment: null, value: null, n: 0, partial: false, period: 1969-12-31}");
    }

    #[test]
    fn the_form_is_the_first_that_there_is() {
        let of = |accept: &'static str| {
            let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
            Form::asked_for(&headers).map_err(|problem| problem.kind.code)
        };
        assert_eq!(of("text/csv"), Ok(Form::Csv));
        assert_eq!(of("image/png, application/vnd.apache.parquet;q=0.9, */*"), Ok(Form::Parquet));
        assert_eq!(of("*/*"), Ok(Form::Json));
        assert_eq!(of("image/png"), Err("not_acceptable"));
        assert_eq!(Form::asked_for(&HeaderMap::new()).unwrap(), Form::Json);
    }
}
