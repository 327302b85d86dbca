//go:build clients

package clients_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

const greeting = "hello from the repository\n"

// generic takes and gives files; hello.txt is there.
func (u *upstream) generic(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodPut:
		content, err := readBody(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		u.keep(r.URL.Path, content)
		w.WriteHeader(http.StatusCreated)
	case r.URL.Path == "/hello.txt":
		w.Write([]byte(greeting))
	default:
		http.NotFound(w, r)
	}
}

func toUpload(t *testing.T, r *run) { write(t, filepath.Join(r.work, "report.txt"), "a report\n") }

func reportCame(t *testing.T, r *run) {
	if got := string(r.g.upstream.take(t, "/report.txt")); got != "a report\n" {
		t.Errorf("report.txt is %q", got)
	}
}

func helloCame(t *testing.T, r *run) {
	got, err := os.ReadFile(filepath.Join(r.work, "hello.txt"))
	if err != nil || string(got) != greeting {
		t.Errorf("hello.txt is %q, %v", got, err)
	}
}
