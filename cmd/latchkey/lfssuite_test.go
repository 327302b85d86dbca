package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// git-lfs's own suite for servers, through the whole daemon in its three ways:
// the route's address, Artifactory's address, and SSH. LATCHKEY_LFS_API_SUITE
// names it; make test builds it and sets that.
func TestLFSServerSuite(t *testing.T) {
	suite := os.Getenv("LATCHKEY_LFS_API_SUITE")
	if suite == "" {
		t.Skip("LATCHKEY_LFS_API_SUITE does not name git-lfs-test-server-api; make test sets it")
	}
	t.Parallel()
	d := startDaemon(t)
	d.do("user", "create", "alice", "--email", "alice@example.com")
	key := d.do("apikey", "create", "alice")
	identity, known := filepath.Join(d.dir, "id"), filepath.Join(d.dir, "known_hosts")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", identity).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	d.do("sshkey", "create", "alice", identity+".pub")
	if err := os.WriteFile(known, []byte(d.do("ssh", "known-hosts")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, address := range map[string]string{
		"route":       "--url=http://alice:" + key + "@" + d.http + "/lfs/suite/route.git/info/lfs",
		"artifactory": "--url=http://alice:" + key + "@" + d.http + "/artifactory/api/lfs/suite/artifactory",
		"ssh":         "--clone=ssh://git@" + d.ssh + "/lfs/suite/ssh.git",
	} {
		t.Run(name, func(t *testing.T) {
			c := exec.Command(suite, address)
			c.Dir = t.TempDir()
			c.Env = []string{
				"PATH=/usr/bin:" + os.Getenv("PATH"), "HOME=" + c.Dir, "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1",
				"GIT_SSH_COMMAND=ssh -F none -o BatchMode=yes -o IdentitiesOnly=yes -o IdentityAgent=none -o UserKnownHostsFile=" + known + " -i " + identity,
			}
			out, err := c.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "All tests passed") {
				t.Fatalf("%v\n%s", err, out)
			}
			if n := strings.Count(string(out), "OK"); n != 7 {
				t.Errorf("%d of 7 tests passed:\n%s", n, out)
			}
		})
	}
}
