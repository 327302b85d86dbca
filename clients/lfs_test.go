//go:build clients

package clients_test

import (
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// assets is how many files a repository with LFS has, and assetSize how many
// bytes each.
const (
	assets    = 5
	assetSize = 20000
)

// newAssets makes the working folder a repository with files in LFS and an
// origin that has none of them, all of them different from those of other runs.
func newAssets(t *testing.T, r *run) {
	t.Helper()
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Dir, cmd.Env = r.work, r.env
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	origin := filepath.Join(r.home, "origin.git")
	git("init", "-q", "-b", "main", "--bare", origin)
	git("init", "-q", "-b", "main")
	git("lfs", "install", "--local", "--skip-repo")
	git("lfs", "track", "*.bin")
	for i := range assets {
		content := make([]byte, assetSize)
		rand.Read(content)
		write(t, filepath.Join(r.work, "asset-"+string(rune('a'+i))+".bin"), string(content))
	}
	git("add", ".")
	git("commit", "-qm", "assets")
	git("remote", "add", "origin", origin)
	git("push", "-q", "--no-verify", "origin", "main")
}

// withKey gives the run an SSH key; the secret of the run is its file.
func withKey(t *testing.T, r *run) {
	newAssets(t, r)
	r.env = append(r.env, "GIT_SSH_COMMAND=ssh -F none -o BatchMode=yes -o IdentitiesOnly=yes -o IdentityAgent=none"+
		" -o UserKnownHostsFile="+r.g.data("known_hosts")+" -i "+r.secret)
}

// newSSHKey makes a key pair and gives the private file.
func newSSHKey(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "id_ed25519")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "a test", "-f", name).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
	return name
}

// fetched finds the objects again that the run has pushed and thrown away.
func fetched(t *testing.T, r *run) {
	objects := 0
	err := filepath.WalkDir(filepath.Join(r.work, ".git/lfs/objects"), func(_ string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			objects++
		}
		return err
	})
	if err != nil || objects != assets {
		t.Errorf("%d objects came back, want %d: %v", objects, assets, err)
	}
}
