message: "job" and message: "verdict" |
SELECT json_extract_scalar(line, '$.verdict') AS verdict, json_extract_scalar(line, '$.alarm') AS alarm,
       json_extract_scalar(line, '$.waiting') AS waiting, json_extract_scalar(line, '$.overdue') AS overdue,
       json_extract_scalar(line, '$.copy_failures') AS copy_failures,
       json_extract_scalar(line, '$.lag_p99') AS lag_p99, json_extract_scalar(line, '$.text') AS text
FROM (SELECT __time__, try(json_parse(regexp_extract(message, '\{.*\}'))) AS line FROM log)
WHERE json_extract_scalar(line, '$.job') = 'status' AND json_extract_scalar(line, '$.verdict') IS NOT NULL
ORDER BY __time__ DESC LIMIT 1
