//go:build clients

package clients_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// newHelm is a chart repository with the chart demo.
func newHelm(t *testing.T) http.Handler {
	chart := tarGz(t, file{"demo/Chart.yaml", "apiVersion: v2\nname: demo\nversion: 0.1.0\n"}, file{"demo/values.yaml", "{}\n"})
	index := fmt.Sprintf(`apiVersion: v1
entries:
  demo:
    - {apiVersion: v2, name: demo, version: 0.1.0, digest: %x, created: "2026-01-01T00:00:00Z", urls: [demo-0.1.0.tgz]}
generated: "2026-01-01T00:00:00Z"
`, sha256.Sum256(chart))
	return serveMap(map[string][]byte{"/index.yaml": []byte(index), "/demo-0.1.0.tgz": chart})
}

func chartCame(t *testing.T, r *run) {
	if _, err := os.Stat(filepath.Join(r.work, "demo-0.1.0.tgz")); err != nil {
		t.Error(err)
	}
}
