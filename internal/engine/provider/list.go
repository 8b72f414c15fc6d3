package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/mckinsey/ark-server/internal/engine/outbound"
)

// maxList is the most bytes of a list of models.
const maxList = 16 << 20

// Lister is a model whose provider can list its models.
type Lister interface {
	// Has reports whether the model is among them.
	Has(ctx context.Context) (bool, error)
}

var _ Lister = openAI{}

// Has implements Lister.
func (m openAI) Has(ctx context.Context) (bool, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, m.BaseURL+"/models", nil)
	if err != nil {
		return false, fmt.Errorf("list the models: %w", m.hide(err))
	}
	for name, value := range m.Headers {
		request.Header.Set(name, value)
	}
	answer, err := m.Client.Do(request)
	if err != nil {
		return false, fmt.Errorf("list the models: %w", m.hide(err))
	}
	defer func() { _ = answer.Body.Close() }() // read only: nothing is lost on an error
	text, err := outbound.ReadAll(answer.Body, maxList)
	if err != nil {
		return false, fmt.Errorf("list the models: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		return false, &StatusError{Code: answer.StatusCode, Message: m.hideText(errorText(text))}
	}
	var list struct {
		Data []struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return false, fmt.Errorf("list the models: %w", err)
	}
	for _, of := range list.Data {
		if of.ID == m.Name {
			return true, nil
		}
	}
	return false, nil
}
