package jfrog

import (
	"net/http"
	"reflect"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/strictjson"
)

// ReadOldScopes and OldText are the two directions between the grammars.
func ReadOldScopes(text, installation string) (auth.Scopes, string, error) {
	return readOldScopes(text, installation)
}

func OldText(scope, installation string) string { return oldText(scope, installation) }

// ReadTokenRequest reads a request for a token; what it holds of refresh_token
// and access_token is not shown.
func ReadTokenRequest(w http.ResponseWriter, r *http.Request) (any, error) {
	var in tokenRequest
	err := readTokenFields(w, r, &in)
	return in, err
}

// FormObject is the JSON object that says what a form says.
func FormObject(body string) ([]byte, error) {
	return formObject(body, reflect.TypeFor[tokenRequest](), strictjson.Options{})
}

// ReadFilter reads the query of a list.
func ReadFilter(query string) (auth.TokenFilter, error) { return readFilter(query) }
