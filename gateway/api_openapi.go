package gateway

import (
	_ "embed"
	"net/http"

	"github.com/latchkey-io/latchkey/auth"
)

// openAPI describes the JSON API (OpenAPI 3.1). A test holds it and routes.go
// together.
//
//go:embed openapi.json
var openAPI []byte

func (a *api) openAPI(w http.ResponseWriter, _ *http.Request, _ auth.Identity) error {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.Write(openAPI) // a client that has gone needs no answer
	return nil
}
