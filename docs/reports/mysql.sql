-- The ready reports in the dialect of MySQL, for the views in MySQL and MariaDB.
-- Their parameters have their defaults. A report with a view of the history is not here.

-- agents-by-model: how many agents use each model
SELECT coalesce(model, 'default') AS model, count(*) AS agents FROM agents GROUP BY 1 ORDER BY 2 DESC, 1;

-- agents-not-ready: agents that cannot be used, with the reason
SELECT a.namespace, a.name, c.reason, c.message FROM agents a LEFT JOIN conditions c ON c.kind = 'Agent' AND c.namespace = a.namespace AND c.name = a.name AND c.status <> 'True' WHERE NOT a.ready <=> 'True' ORDER BY 1, 2;

-- cached-tokens: the share of prompt tokens that models had in their caches, by agent
SELECT target_name AS agent, sum(cached_tokens) AS cached, sum(prompt_tokens) AS prompt, round(100.0 * sum(cached_tokens) / sum(prompt_tokens), 1) AS percent FROM queries WHERE target_type = 'agent' AND prompt_tokens > 0 GROUP BY 1 ORDER BY 4 DESC, 1;

-- canceled-queries: queries that were canceled, newest first
SELECT namespace, name, target_name AS target, created_at FROM queries WHERE canceled = 1 ORDER BY created_at DESC LIMIT 100;

-- conversations-by-length: conversations by the number of their messages
SELECT conversation_id, count(*) AS messages, count(DISTINCT name) AS queries FROM messages WHERE conversation_id IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 100;

-- cost-by-agent: what the tokens of each agent cost
SELECT target_name AS agent, round((sum(prompt_tokens) * 2.5 + sum(completion_tokens) * 10) / 1e6, 4) AS cost FROM queries WHERE target_type = 'agent' GROUP BY 1 ORDER BY 2 DESC, 1;

-- cost-by-day: what the tokens of each day cost
SELECT date_format(created_at, '%Y-%m-%d') AS day, round((sum(prompt_tokens) * 2.5 + sum(completion_tokens) * 10) / 1e6, 4) AS cost FROM queries GROUP BY 1 ORDER BY 1;

-- duration-by-agent: how long queries take, by agent, in milliseconds
SELECT agent, count(value) AS queries, sum(CASE WHEN i = floor(n * 0.5) THEN value * (1 - n * 0.5 + floor(n * 0.5)) WHEN i = floor(n * 0.5) + 1 THEN value * (n * 0.5 - floor(n * 0.5)) END) AS p50, sum(CASE WHEN i = floor(n * 0.95) THEN value * (1 - n * 0.95 + floor(n * 0.95)) WHEN i = floor(n * 0.95) + 1 THEN value * (n * 0.95 - floor(n * 0.95)) END) AS p95 FROM (SELECT target_name AS agent, duration_ms AS value, row_number() OVER (PARTITION BY target_name ORDER BY duration_ms) - 1 AS i, count(*) OVER (PARTITION BY target_name) - 1 AS n FROM queries WHERE target_type = 'agent' AND duration_ms IS NOT NULL) ranked GROUP BY 1 ORDER BY 4 DESC, 1;

-- duration-by-day: how long queries take, by day, in milliseconds
SELECT day, count(value) AS queries, sum(CASE WHEN i = floor(n * 0.5) THEN value * (1 - n * 0.5 + floor(n * 0.5)) WHEN i = floor(n * 0.5) + 1 THEN value * (n * 0.5 - floor(n * 0.5)) END) AS p50, sum(CASE WHEN i = floor(n * 0.95) THEN value * (1 - n * 0.95 + floor(n * 0.95)) WHEN i = floor(n * 0.95) + 1 THEN value * (n * 0.95 - floor(n * 0.95)) END) AS p95 FROM (SELECT date_format(created_at, '%Y-%m-%d') AS day, duration_ms AS value, row_number() OVER (PARTITION BY date_format(created_at, '%Y-%m-%d') ORDER BY duration_ms) - 1 AS i, count(*) OVER (PARTITION BY date_format(created_at, '%Y-%m-%d')) - 1 AS n FROM queries WHERE duration_ms IS NOT NULL) ranked GROUP BY 1 ORDER BY 1;

-- duration-by-model: how long queries to agents take, by their models, in milliseconds
SELECT model, count(value) AS queries, sum(CASE WHEN i = floor(n * 0.5) THEN value * (1 - n * 0.5 + floor(n * 0.5)) WHEN i = floor(n * 0.5) + 1 THEN value * (n * 0.5 - floor(n * 0.5)) END) AS p50, sum(CASE WHEN i = floor(n * 0.95) THEN value * (1 - n * 0.95 + floor(n * 0.95)) WHEN i = floor(n * 0.95) + 1 THEN value * (n * 0.95 - floor(n * 0.95)) END) AS p95 FROM (SELECT coalesce(a.model, 'default') AS model, q.duration_ms AS value, row_number() OVER (PARTITION BY coalesce(a.model, 'default') ORDER BY q.duration_ms) - 1 AS i, count(*) OVER (PARTITION BY coalesce(a.model, 'default')) - 1 AS n FROM queries q JOIN agents a ON a.namespace = q.namespace AND a.name = q.target_name WHERE q.target_type = 'agent' AND q.duration_ms IS NOT NULL) ranked GROUP BY 1 ORDER BY 4 DESC, 1;

-- errors-by-agent: the share of queries that failed, by agent
SELECT target_name AS agent, count(*) AS queries, sum(phase = 'error') AS errors, round(100.0 * sum(phase = 'error') / count(*), 1) AS percent FROM queries WHERE target_type = 'agent' GROUP BY 1 ORDER BY 4 DESC, 1;

-- errors-by-model: the share of queries to agents that failed, by their models
SELECT coalesce(a.model, 'default') AS model, count(*) AS queries, sum(q.phase = 'error') AS errors, round(100.0 * sum(q.phase = 'error') / count(*), 1) AS percent FROM queries q JOIN agents a ON a.namespace = q.namespace AND a.name = q.target_name WHERE q.target_type = 'agent' GROUP BY 1 ORDER BY 4 DESC, 1;

-- errors-newest: the newest queries that failed, with what they answered
SELECT namespace, name, target_name AS target, created_at, substr(output, 1, 200) AS error FROM queries WHERE phase = 'error' ORDER BY created_at DESC LIMIT 100;

-- mcp-servers: MCP servers, whether they are ready and how many tools they have
SELECT namespace, name, ready, tool_count FROM mcpservers ORDER BY 1, 2;

-- models-not-ready: models that cannot be used, with the reason
SELECT m.namespace, m.name, c.reason, c.message FROM models m LEFT JOIN conditions c ON c.kind = 'Model' AND c.namespace = m.namespace AND c.name = m.name AND c.status <> 'True' WHERE NOT m.ready <=> 'True' ORDER BY 1, 2;

-- objects-by-kind: how many objects of each kind there are
SELECT 'Agent' AS kind, count(*) AS objects FROM agents UNION ALL SELECT 'Model', count(*) FROM models UNION ALL SELECT 'Query', count(*) FROM queries UNION ALL SELECT 'Team', count(*) FROM teams UNION ALL SELECT 'Tool', count(*) FROM tools UNION ALL SELECT 'MCPServer', count(*) FROM mcpservers UNION ALL SELECT 'A2ATask', count(*) FROM a2atasks ORDER BY 2 DESC, 1;

-- objects-without-owner: agents, teams and tools without the label that says whose they are, given as label
SELECT 'Agent' AS kind, namespace, name FROM agents a WHERE NOT EXISTS (SELECT 1 FROM labels l WHERE l.kind = 'Agent' AND l.namespace = a.namespace AND l.name = a.name AND l.`key` = 'owner') UNION ALL SELECT 'Team', namespace, name FROM teams t WHERE NOT EXISTS (SELECT 1 FROM labels l WHERE l.kind = 'Team' AND l.namespace = t.namespace AND l.name = t.name AND l.`key` = 'owner') UNION ALL SELECT 'Tool', namespace, name FROM tools o WHERE NOT EXISTS (SELECT 1 FROM labels l WHERE l.kind = 'Tool' AND l.namespace = o.namespace AND l.name = o.name AND l.`key` = 'owner') ORDER BY 1, 2, 3;

-- queries-by-hour: how many queries begin in each hour of the day, UTC
SELECT date_format(created_at, '%H') AS hour, count(*) AS queries FROM queries GROUP BY 1 ORDER BY 1;

-- queries-by-phase: how many queries are in each phase
SELECT coalesce(phase, 'new') AS phase, count(*) AS queries FROM queries GROUP BY 1 ORDER BY 2 DESC, 1;

-- queries-by-session: sessions with their queries, tokens, beginning and end
SELECT session_id AS session, count(*) AS queries, sum(total_tokens) AS tokens, min(created_at) AS first, max(created_at) AS last FROM queries WHERE session_id IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1000;

-- queries-waiting: queries that have not ended, oldest first
SELECT namespace, name, coalesce(phase, 'new') AS phase, created_at FROM queries WHERE coalesce(phase, '') NOT IN ('done', 'error', 'canceled') ORDER BY created_at LIMIT 1000;

-- queue-time: how long queries waited, by target, which is the time from their creation to their end beyond their duration, in milliseconds of whole seconds
SELECT target, count(value) AS queries, sum(CASE WHEN i = floor(n * 0.5) THEN value * (1 - n * 0.5 + floor(n * 0.5)) WHEN i = floor(n * 0.5) + 1 THEN value * (n * 0.5 - floor(n * 0.5)) END) AS p50, sum(CASE WHEN i = floor(n * 0.95) THEN value * (1 - n * 0.95 + floor(n * 0.95)) WHEN i = floor(n * 0.95) + 1 THEN value * (n * 0.95 - floor(n * 0.95)) END) AS p95 FROM (SELECT target_name AS target, waited AS value, row_number() OVER (PARTITION BY target_name ORDER BY waited) - 1 AS i, count(*) OVER (PARTITION BY target_name) - 1 AS n FROM (SELECT q.target_name, greatest(0, timestampdiff(SECOND, q.created_at, c.changed_at) * 1000 - q.duration_ms) AS waited FROM queries q JOIN conditions c ON c.kind = 'Query' AND c.namespace = q.namespace AND c.name = q.name AND c.type = 'Completed' AND c.status = 'True' WHERE q.duration_ms IS NOT NULL) w WHERE waited IS NOT NULL) ranked GROUP BY 1 ORDER BY 4 DESC, 1;

-- retries: the same question to the same target more than once in a session
SELECT session_id AS session, target_name AS target, count(*) AS times, substr(input, 1, 80) AS question FROM queries WHERE session_id IS NOT NULL GROUP BY session_id, target_name, input HAVING count(*) > 1 ORDER BY 3 DESC, 1, 2 LIMIT 100;

-- slowest-queries: the queries that took longest
SELECT namespace, name, target_name AS target, duration_ms, total_tokens FROM queries WHERE duration_ms IS NOT NULL ORDER BY duration_ms DESC, name LIMIT 20;

-- storage-by-kind: how many objects of each kind there are, and what they take as they are stored, without their history
SELECT 'A2AServer' AS kind, count(*) AS objects, coalesce(sum(bytes), 0) AS bytes FROM a2aservers UNION ALL SELECT 'A2ATask' AS kind, count(*) AS objects, coalesce(sum(bytes), 0) AS bytes FROM a2atasks UNION ALL SELECT 'Agent' AS kind, count(*) AS objects, coalesce(sum(bytes), 0) AS bytes FROM agents UNION ALL SELECT 'ArkConfig' AS kind, count(*) AS objects, coalesce(sum(bytes), 0) AS bytes FROM arkconfigs UNION ALL SELECT 'ExecutionEngine' AS kind, count(*) AS objects, coalesce(sum(bytes), 0) AS bytes FROM executionengines UNION ALL SELECT 'MCPServer' AS kind, count(*) AS objects, coalesce(sum(bytes), 0) AS bytes FROM mcpservers UNION ALL SELECT 'Memory' AS kind, count(*) AS objects, coalesce(sum(bytes), 0) AS bytes FROM memories UNION ALL SELECT 'Model' AS kind, count(*) AS objects, coalesce(sum(bytes), 0) AS bytes FROM models UNION ALL SELECT 'Query' AS kind, count(*) AS objects, coalesce(sum(bytes), 0) AS bytes FROM queries UNION ALL SELECT 'Team' AS kind, count(*) AS objects, coalesce(sum(bytes), 0) AS bytes FROM teams UNION ALL SELECT 'Tool' AS kind, count(*) AS objects, coalesce(sum(bytes), 0) AS bytes FROM tools ORDER BY 3 DESC, 1;

-- tasks-by-phase: tasks of A2A agents by agent and phase
SELECT agent, phase, count(*) AS tasks FROM a2atasks GROUP BY 1, 2 ORDER BY 1, 2;

-- tokens-by-agent: queries and tokens of each agent
SELECT target_name AS agent, count(*) AS queries, sum(prompt_tokens) AS prompt, sum(completion_tokens) AS completion, sum(total_tokens) AS total FROM queries WHERE target_type = 'agent' GROUP BY 1 ORDER BY 5 DESC, 1;

-- tokens-by-day: queries and tokens of each day
SELECT date_format(created_at, '%Y-%m-%d') AS day, count(*) AS queries, sum(total_tokens) AS tokens FROM queries GROUP BY 1 ORDER BY 1;

-- tokens-by-model: queries and tokens of each model, by the agents that use it
SELECT coalesce(a.model, 'default') AS model, count(*) AS queries, sum(q.total_tokens) AS tokens FROM queries q JOIN agents a ON a.namespace = q.namespace AND a.name = q.target_name WHERE q.target_type = 'agent' GROUP BY 1 ORDER BY 3 DESC, 1;

-- tokens-by-team: queries and tokens of each team
SELECT target_name AS team, count(*) AS queries, sum(total_tokens) AS tokens FROM queries WHERE target_type = 'team' GROUP BY 1 ORDER BY 3 DESC, 1;

-- tokens-by-user: queries and tokens of each service account that queries run as
SELECT coalesce(service_account, 'default') AS `user`, count(*) AS queries, sum(total_tokens) AS tokens FROM queries GROUP BY 1 ORDER BY 3 DESC, 1;

-- tools-by-agent: how often each agent calls each tool
SELECT agent, tool, count(*) AS calls FROM tool_calls GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2;

-- tools-called: the tools that are called most
SELECT tool, count(*) AS calls, count(DISTINCT name) AS queries FROM tool_calls GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 100;

-- unused-agents: agents that no query asks and no team has
SELECT namespace, name FROM agents a WHERE NOT EXISTS (SELECT 1 FROM queries q WHERE q.namespace = a.namespace AND q.target_type = 'agent' AND q.target_name = a.name) AND NOT EXISTS (SELECT 1 FROM teams t WHERE t.namespace = a.namespace AND JSON_CONTAINS(t.members, JSON_QUOTE(a.name))) ORDER BY 1, 2;

-- unused-models: models that no agent uses
SELECT namespace, name FROM models m WHERE NOT EXISTS (SELECT 1 FROM agents a WHERE a.namespace = m.namespace AND coalesce(a.model, 'default') = m.name) ORDER BY 1, 2;

-- unused-tools: tools that no agent has
SELECT namespace, name FROM tools t WHERE NOT EXISTS (SELECT 1 FROM agents a WHERE a.namespace = t.namespace AND JSON_CONTAINS(a.tools, JSON_QUOTE(t.name))) ORDER BY 1, 2;
