package gateway_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// registry is a small OCI registry (Distribution Specification 1.1: pull, push
// and chunked push) that believes whoever reaches it.
type registry struct {
	*httptest.Server
	// place makes the Location of an upload; nil: a path.
	place func(r *http.Request, path string) string

	mu        sync.Mutex
	blobs     map[string][]byte // by digest
	uploads   map[string][]byte
	manifests map[string]manifest // by NAME@REFERENCE
	users     map[string]bool     // heard of
	leaked    []string            // credentials that reached it
}

type manifest struct {
	media string
	body  []byte
}

func newRegistry(t testing.TB) *registry {
	g := &registry{blobs: map[string][]byte{}, uploads: map[string][]byte{}, manifests: map[string]manifest{}, users: map[string]bool{}}
	g.Server = httptest.NewServer(g)
	t.Cleanup(g.Close)
	return g
}

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func (g *registry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.users[r.Header.Get("X-Forwarded-User")] = true
	if shown := r.Header.Get("Authorization") + r.Header.Get("X-JFrog-Art-Api") + r.Header.Get("Cookie"); shown != "" {
		g.leaked = append(g.leaked, shown)
	}
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	path := r.URL.Path
	switch i := strings.LastIndex(path, "/blobs/uploads/"); {
	case path == "/v2/":
		io.WriteString(w, `{"of":"the upstream"}`)
	case i > 0:
		g.upload(w, r, path[:i], path[i+len("/blobs/uploads/"):], body)
	case strings.Contains(path, "/blobs/"):
		blob, ok := g.blobs[path[strings.LastIndexByte(path, '/')+1:]]
		g.show(w, r, manifest{"application/octet-stream", blob}, ok)
	default:
		g.manifest(w, r, body)
	}
}

func (g *registry) upload(w http.ResponseWriter, r *http.Request, name, id string, body []byte) {
	if r.Method == http.MethodPost {
		id = strconv.Itoa(len(g.uploads) + 1)
	}
	g.uploads[id] = append(g.uploads[id], body...)
	digest := r.URL.Query().Get("digest")
	if digest == "" {
		to := name + "/blobs/uploads/" + id + "?state=" + id
		if g.place != nil {
			to = g.place(r, to)
		}
		w.Header().Set("Location", to)
		w.Header().Set("Range", fmt.Sprintf("0-%d", max(len(g.uploads[id])-1, 0)))
		w.WriteHeader(http.StatusAccepted)
		return
	}
	if digestOf(g.uploads[id]) != digest {
		http.Error(w, `{"errors":[{"code":"DIGEST_INVALID","message":"no"}]}`, http.StatusBadRequest)
		return
	}
	g.blobs[digest] = g.uploads[id]
	delete(g.uploads, id)
	w.Header().Set("Location", name+"/blobs/"+digest)
	w.Header().Set("Docker-Content-Digest", digest)
	w.WriteHeader(http.StatusCreated)
}

func (g *registry) manifest(w http.ResponseWriter, r *http.Request, body []byte) {
	name, reference, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/"), "/manifests/")
	if !ok {
		http.NotFound(w, r)
		return
	}
	if r.Method == http.MethodPut {
		m := manifest{r.Header.Get("Content-Type"), body}
		g.manifests[name+"@"+reference], g.manifests[name+"@"+digestOf(body)] = m, m
		w.Header().Set("Location", "/v2/"+name+"/manifests/"+digestOf(body))
		w.Header().Set("Docker-Content-Digest", digestOf(body))
		w.WriteHeader(http.StatusCreated)
		return
	}
	m, ok := g.manifests[name+"@"+reference]
	g.show(w, r, m, ok)
}

func (g *registry) show(w http.ResponseWriter, r *http.Request, m manifest, ok bool) {
	if !ok {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, `{"errors":[{"code":"NAME_UNKNOWN","message":"of the upstream"}]}`)
		return
	}
	w.Header().Set("Content-Type", m.media)
	w.Header().Set("Content-Length", strconv.Itoa(len(m.body)))
	w.Header().Set("Docker-Content-Digest", digestOf(m.body))
	if r.Method != http.MethodHead {
		w.Write(m.body)
	}
}
