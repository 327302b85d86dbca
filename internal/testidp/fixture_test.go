package testidp_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// serve runs a handler until the test ends.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	on := httptest.NewServer(h)
	t.Cleanup(on.Close)
	return on.URL
}
