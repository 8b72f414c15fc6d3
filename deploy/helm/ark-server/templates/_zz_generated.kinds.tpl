{{- /* Written by make generate from the registry. Do not edit. */ -}}
{{- define "ark.namespacedKinds" -}}
a2aservers, a2atasks, agents, executionengines, mcpservers, memories, models, queries, teams, tools
{{- end -}}
