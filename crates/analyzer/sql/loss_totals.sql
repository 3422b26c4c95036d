SELECT fact, reason, sum(count), count(*) FROM losses GROUP BY fact, reason ORDER BY fact, reason;
