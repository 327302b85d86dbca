//go:build clients

package clients_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// newGoProxy is a module proxy with example.com/demo.
func newGoProxy(t *testing.T) http.Handler {
	const mod = "module example.com/demo\n\ngo 1.20\n"
	at := "example.com/demo@v1.0.0/"
	return serveMap(map[string][]byte{
		"/example.com/demo/@v/list":        []byte("v1.0.0\n"),
		"/example.com/demo/@v/v1.0.0.info": []byte(`{"Version":"v1.0.0","Time":"2026-01-01T00:00:00Z"}`),
		"/example.com/demo/@v/v1.0.0.mod":  []byte(mod),
		"/example.com/demo/@v/v1.0.0.zip":  zipped(t, file{at + "go.mod", mod}, file{at + "demo.go", "package demo\n"}),
	})
}

// newModule also makes the client trust the daemon's certificate.
func newModule(t *testing.T, r *run) {
	write(t, filepath.Join(r.work, "go.mod"), "module example.com/ours\n\ngo 1.20\n")
	r.env = append(r.env, "SSL_CERT_FILE="+r.g.authority.file)
}

func moduleCame(t *testing.T, r *run) {
	if _, err := os.Stat(filepath.Join(r.home, "go/pkg/mod/example.com/demo@v1.0.0/demo.go")); err != nil {
		t.Error(err)
	}
}
