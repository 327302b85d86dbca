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

// pypi is a simple index (PEP 503) with demo-py; twine posts to its root.
type pypi struct {
	u     *upstream
	wheel []byte
}

const wheelName = "demo_py-1.0-py3-none-any.whl"

func newPyPI(t *testing.T, u *upstream) *pypi {
	return &pypi{u: u, wheel: wheel(t, "demo_py", "demo-py")}
}

func wheel(t *testing.T, module, name string) []byte {
	info := module + "-1.0.dist-info/"
	return zipped(t,
		file{module + ".py", "greeting = 'hello'\n"},
		file{info + "METADATA", "Metadata-Version: 2.1\nName: " + name + "\nVersion: 1.0\nSummary: a package\n"},
		file{info + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"},
		file{info + "RECORD", module + ".py,,\n" + info + "METADATA,,\n" + info + "WHEEL,,\n" + info + "RECORD,,\n"})
}

func (p *pypi) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "GET /simple/demo-py/":
		fmt.Fprintf(w, "<!DOCTYPE html><html><body><a href=\"../../packages/%s#sha256=%x\">%s</a></body></html>\n", wheelName, sha256.Sum256(p.wheel), wheelName)
	case "GET /packages/" + wheelName:
		w.Write(p.wheel)
	case "POST ":
		if err := r.ParseMultipartForm(maxUpload); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		defer r.MultipartForm.RemoveAll()
		for _, f := range r.MultipartForm.File["content"] {
			p.u.keep("pypi/"+f.Filename, nil)
		}
	default:
		http.NotFound(w, r)
	}
}

func newWheel(t *testing.T, r *run) {
	write(t, filepath.Join(r.work, "dist/our_py-1.0-py3-none-any.whl"), string(wheel(t, "our_py", "our-py")))
}

func wheelCame(t *testing.T, r *run) {
	if _, err := os.Stat(filepath.Join(r.work, wheelName)); err != nil {
		t.Error(err)
	}
}

func wheelWent(t *testing.T, r *run) { r.g.upstream.take(t, "pypi/our_py-1.0-py3-none-any.whl") }
