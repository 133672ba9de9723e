SELECT segment, count(event) AS late FROM (SELECT DISTINCT segment FROM changed) AS segments LEFT JOIN late USING (segment) GROUP BY segment
