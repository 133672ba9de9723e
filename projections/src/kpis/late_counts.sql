SELECT segment, count(DISTINCT event) AS late FROM changed LEFT JOIN late USING (segment, part) GROUP BY segment
