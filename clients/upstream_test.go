//go:build clients

package clients_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// places are the routes to the repositories: their names and paths.
var places = map[string]string{
	"generic": "/artifactory/generic-local/",
	"npm":     "/artifactory/api/npm/npm-local/",
	"pypi":    "/artifactory/api/pypi/pypi-local/",
	"maven":   "/artifactory/maven-local/",
	"helm":    "/artifactory/api/helm/helm-local/",
	"cargo":   "/artifactory/api/cargo/cargo-local/",
	"go":      "/artifactory/api/go/go-local/",
	"debian":  "/artifactory/debian-local/",
	"git":     "/git/",
	"images":  "/v2/team/",
}

// upstream is all repositories in one server. It notes who asks, and faults.
type upstream struct {
	url        string
	containers *containers

	mu    sync.Mutex
	seen  []string // "METHOD path" of each request
	wrong []string
	files map[string][]byte // what was uploaded, by path
}

func startUpstream(t *testing.T) *upstream {
	t.Helper()
	u := &upstream{files: make(map[string][]byte), containers: &containers{}}
	mux := http.NewServeMux()
	mux.Handle(places["images"], u.containers)
	for name, handler := range map[string]http.Handler{
		"generic": http.HandlerFunc(u.generic),
		"npm":     newNPM(t, u), "pypi": newPyPI(t, u), "maven": newMaven(t, u), "helm": newHelm(t),
		"cargo": newCargo(t, u), "go": newGoProxy(t), "debian": newDebian(t), "git": newGit(t),
	} {
		place := strings.TrimSuffix(places[name], "/")
		handler = http.StripPrefix(place, handler)
		mux.Handle(place+"/", handler)
		mux.Handle(place, handler) // twine says it so
	}
	server := httptest.NewServer(u.watch(mux))
	t.Cleanup(server.Close)
	u.url = server.URL
	return u
}

// watch notes the request and its faults before it goes on.
func (u *upstream) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u.note(r)
		next.ServeHTTP(w, r)
	})
}

func (u *upstream) note(r *http.Request) {
	u.mu.Lock()
	defer u.mu.Unlock()
	what := r.Method + " " + r.URL.Path
	u.seen = append(u.seen, what)
	for name := range r.Header {
		folded := strings.ReplaceAll(strings.ToLower(name), "_", "-")
		if slices.Contains([]string{"authorization", "proxy-authorization", "x-jfrog-art-api", "x-api-key", "cookie"}, folded) {
			u.wrong = append(u.wrong, what+" bears the header "+name)
		}
	}
	if who := r.Header["X-Forwarded-User"]; len(who) != 1 || who[0] != person {
		u.wrong = append(u.wrong, fmt.Sprintf("%s says X-Forwarded-User: %q", what, who))
	}
}

// count is how many requests came.
func (u *upstream) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.seen)
}

// faults are those found since they were last asked for.
func (u *upstream) faults() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	faults := u.wrong
	u.wrong = nil
	return faults
}

// keep holds what was uploaded; take gives it once.
func (u *upstream) keep(path string, content []byte) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.files[path] = content
}

func (u *upstream) find(path string) ([]byte, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	content, ok := u.files[path]
	return content, ok
}

// take gives an uploaded file and forgets it, so that the next upload shows.
func (u *upstream) take(t *testing.T, path string) []byte {
	t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	content, ok := u.files[path]
	if !ok {
		t.Errorf("%s was not uploaded", path)
	}
	delete(u.files, path)
	return content
}

// base is the address that a client reaches the place at.
func base(r *http.Request, place string) string {
	return r.Header.Get("X-Forwarded-Proto") + "://" + r.Header.Get("X-Forwarded-Host") + strings.TrimSuffix(places[place], "/")
}

// serveMap serves files by their paths.
func serveMap(files map[string][]byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, ok := files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Write(content)
	})
}
