//go:build clients

package clients_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
)

// cargo is a sparse registry that wants everybody known, with the crate demo.
type cargo struct {
	u     *upstream
	crate []byte
}

func newCargo(t *testing.T, u *upstream) *cargo {
	return &cargo{u: u, crate: tarGz(t,
		file{"demo-1.0.0/Cargo.toml", "[package]\nname = \"demo\"\nversion = \"1.0.0\"\nedition = \"2021\"\n"},
		file{"demo-1.0.0/src/lib.rs", "pub fn hello() {}\n"})}
}

func (c *cargo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "GET /index/config.json":
		at := base(r, "cargo")
		json.NewEncoder(w).Encode(map[string]any{"dl": at + "/crates", "api": at, "auth-required": true})
	case "GET /index/de/mo/demo":
		fmt.Fprintf(w, `{"name":"demo","vers":"1.0.0","deps":[],"cksum":"%x","features":{},"yanked":false}`+"\n", sha256.Sum256(c.crate))
	case "GET /index/ou/rs/ours":
		if _, ok := c.u.find("cargo"); !ok {
			http.NotFound(w, r)
			return
		}
		fmt.Fprintf(w, `{"name":"ours","vers":"1.0.0","deps":[],"cksum":"%x","features":{},"yanked":false}`+"\n", sha256.Sum256(nil))
	case "GET /crates/demo/1.0.0/download":
		w.Write(c.crate)
	case "PUT /api/v1/crates/new":
		content, err := readBody(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		c.u.keep("cargo", content)
		w.Write([]byte(`{"warnings":{"invalid_categories":[],"invalid_badges":[],"other":[]}}`))
	default:
		http.NotFound(w, r)
	}
}

func newCrate(t *testing.T, r *run) {
	write(t, filepath.Join(r.work, "Cargo.toml"), `[package]
name = "ours"
version = "1.0.0"
edition = "2021"
description = "a crate"
license = "MIT"
publish = ["latchkey"]
[dependencies]
demo = {version = "1", registry = "latchkey"}
`)
	write(t, filepath.Join(r.work, "src/lib.rs"), "pub fn ours() {}\n")
}

func crateWent(t *testing.T, r *run) { r.g.upstream.take(t, "cargo") }
