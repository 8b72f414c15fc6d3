package provider

import "net/url"

// NewAzure returns a model that Azure OpenAI serves: e.Name is the name of the deployment.
func NewAzure(e Endpoint, apiVersion string) Model {
	return openAI{e, e.BaseURL + "/openai/deployments/" + url.PathEscape(e.Name) + "/chat/completions?api-version=" + url.QueryEscape(apiVersion)}
}
