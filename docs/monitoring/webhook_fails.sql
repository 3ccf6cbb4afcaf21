message: "job" and message: "alert_problem" |
SELECT json_extract_scalar(line, '$.webhook') AS webhook, json_extract_scalar(line, '$.alert_problem') AS problem,
       count(*) AS times
FROM (SELECT try(json_parse(regexp_extract(message, '\{.*\}'))) AS line FROM log)
WHERE json_extract_scalar(line, '$.job') = 'status' AND json_extract_scalar(line, '$.alert_problem') IS NOT NULL
GROUP BY webhook, problem
