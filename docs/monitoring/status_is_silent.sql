message: "job" and message: "verdict" |
SELECT count(*) AS runs
FROM (SELECT try(json_parse(regexp_extract(message, '\{.*\}'))) AS line FROM log)
WHERE json_extract_scalar(line, '$.job') = 'status' AND json_extract_scalar(line, '$.verdict') IS NOT NULL
