//go:build clients

package clients_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// newDebian is a repository with the package demo, made by dpkg-deb, in the
// distribution stable. Nobody signed it.
func newDebian(t *testing.T) http.Handler {
	dir := t.TempDir()
	const control = "Package: demo\nVersion: 1.0\nArchitecture: all\nMaintainer: Alice <alice@example.com>\nDescription: a package\n"
	const pool = "pool/demo_1.0_all.deb"
	write(t, filepath.Join(dir, "demo/DEBIAN/control"), control)
	if err := os.Chmod(filepath.Join(dir, "demo/DEBIAN"), 0o755); err != nil {
		t.Fatal(err)
	}
	deb := filepath.Join(dir, "demo.deb")
	if out, err := exec.Command("dpkg-deb", "--root-owner-group", "--build", filepath.Join(dir, "demo"), deb).CombinedOutput(); err != nil {
		t.Fatalf("dpkg-deb: %v\n%s", err, out)
	}
	content, err := os.ReadFile(deb)
	if err != nil {
		t.Fatal(err)
	}
	packages := fmt.Appendf(nil, "%sFilename: %s\nSize: %d\nSHA256: %x\n\n", control, pool, len(content), sha256.Sum256(content))
	files := map[string][]byte{"/" + pool: content}
	release := []byte("Suite: stable\nCodename: stable\nDate: Thu, 01 Jan 2026 00:00:00 UTC\nArchitectures: amd64 arm64\nComponents: main\nSHA256:\n")
	for _, arch := range []string{"amd64", "arm64"} {
		index := "main/binary-" + arch + "/Packages"
		files["/dists/stable/"+index] = packages
		release = fmt.Appendf(release, " %x %d %s\n", sha256.Sum256(packages), len(packages), index)
	}
	files["/dists/stable/Release"] = release
	return serveMap(files)
}

// newSystem gives apt a system of its own below the root of the run.
func newSystem(t *testing.T, r *run) {
	for _, dir := range []string{"etc/apt/apt.conf.d", "etc/apt/preferences.d", "etc/apt/trusted.gpg.d", "var/lib/apt/lists/partial", "var/lib/dpkg", "var/cache/apt/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(r.root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(r.root, "var/lib/dpkg/status"), "")
	config := filepath.Join(r.home, "apt.conf")
	write(t, config, `Dir "`+r.root+`";
Dir::State::status "`+r.root+`/var/lib/dpkg/status";
Dir::Bin::methods "/usr/lib/apt/methods";
APT::Sandbox::User "root";
`)
	r.env = append(r.env, "APT_CONFIG="+config)
}

func debCame(t *testing.T, r *run) {
	if _, err := os.Stat(filepath.Join(r.work, "demo_1.0_all.deb")); err != nil {
		t.Error(err)
	}
}
