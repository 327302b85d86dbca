//go:build clients

package clients_test

import (
	"crypto/sha1"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// npm is a registry with demo-pkg and @team/demo.
type npm struct {
	u        *upstream
	tarballs map[string][]byte
}

func newNPM(t *testing.T, u *upstream) *npm {
	n := &npm{u: u, tarballs: make(map[string][]byte)}
	for _, name := range []string{"demo-pkg", "@team/demo"} {
		n.tarballs[name] = tarGz(t,
			file{"package/package.json", `{"name":"` + name + `","version":"1.0.0","main":"index.js"}`},
			file{"package/index.js", "module.exports = 'hello'\n"})
	}
	return n
}

func (n *npm) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	name, file, isFile := strings.Cut(name, "/-/")
	tarball, known := n.tarballs[name]
	switch {
	case r.Method == http.MethodPut:
		content, err := readBody(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		n.u.keep("npm/"+name, content)
		w.WriteHeader(http.StatusCreated)
		w.Write([]byte("{}"))
	case !known || r.Method != http.MethodGet:
		http.NotFound(w, r)
	case isFile && path.Base(file) == file:
		w.Write(tarball)
	default:
		short, long := sha1.Sum(tarball), sha512.Sum512(tarball)
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]any{
			"name": name, "dist-tags": map[string]string{"latest": "1.0.0"},
			"versions": map[string]any{"1.0.0": map[string]any{
				"name": name, "version": "1.0.0",
				"dist": map[string]string{
					"tarball":   base(r, "npm") + "/" + name + "/-/" + path.Base(name) + "-1.0.0.tgz",
					"shasum":    hex.EncodeToString(short[:]),
					"integrity": "sha512-" + base64.StdEncoding.EncodeToString(long[:]),
				},
			}},
		})
	}
}

// newPackage makes the working folder a package that can be published.
func newPackage(t *testing.T, r *run) {
	write(t, filepath.Join(r.work, "package.json"), `{"name":"@team/ours","version":"2.0.0","description":"a package","license":"MIT"}`)
}

func packagesCame(t *testing.T, r *run) {
	for _, name := range []string{"demo-pkg", "@team/demo"} {
		if _, err := os.Stat(filepath.Join(r.work, "node_modules", name, "index.js")); err != nil {
			t.Error(err)
		}
	}
}

func publishedToo(t *testing.T, r *run) {
	packagesCame(t, r)
	r.g.upstream.take(t, "npm/@team/ours")
}
