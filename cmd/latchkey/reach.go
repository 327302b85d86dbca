package main

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/configs"
)

// The variables that stand for flags.
const (
	envURL       = "LATCHKEY_URL"
	envTokenFile = "LATCHKEY_TOKEN_FILE"
	envSocket    = "LATCHKEY_SOCKET"
	envConfig    = "LATCHKEY_CONFIG"
)

const (
	defaultDataDir = "./data"
	maxTokenFile   = 16 << 10 // bytes; a token has at most 8 KiB
)

// reach says where the daemon is. Without a URL it is asked through its socket
// in the data folder, where the kernel tells it who is asking.
type reach struct {
	JSON      bool   `help:"Print JSON."`
	URL       string `help:"Address of a daemon elsewhere, as https://keys.example.com ($$LATCHKEY_URL)." placeholder:"URL"`
	TokenFile string `help:"File with an access token or API key for --url ($$LATCHKEY_TOKEN_FILE)." placeholder:"FILE"`
	Socket    string `help:"Socket of a daemon on this machine ($$LATCHKEY_SOCKET)." placeholder:"FILE"`
	DataDir   string `help:"Data folder of a daemon on this machine ($$LATCHKEY_DATA_DIR, else ./data)." placeholder:"DIR"`
}

// withEnvironment fills in what the command line left out.
func (r reach) withEnvironment(c *console) reach {
	if r.Socket == "" && r.DataDir == "" {
		r.URL = cmp.Or(r.URL, c.getenv(envURL))
	}
	r.TokenFile = cmp.Or(r.TokenFile, c.getenv(envTokenFile))
	r.Socket = cmp.Or(r.Socket, c.getenv(envSocket))
	return r
}

// socket is the path of the daemon's socket.
func (c *console) socket() string {
	if c.reach.Socket != "" {
		return c.reach.Socket
	}
	dir := cmp.Or(c.reach.DataDir, c.getenv(configs.EnvName("data_dir")), defaultDataDir)
	return filepath.Join(dir, "latchkey.sock")
}

// client is the way to the daemon that the flags name.
func (c *console) client() (*client, error) {
	if c.reach.URL == "" {
		if c.reach.TokenFile != "" && c.getenv(envTokenFile) == "" {
			return nil, usagef("--token-file goes with --url; the socket needs no token")
		}
		return socketClient(c.socket()), nil
	}
	if c.reach.Socket != "" && c.getenv(envSocket) == "" {
		return nil, usagef("--url and --socket name two daemons; give one of them")
	}
	u, err := parseURL(c.reach.URL)
	if err != nil {
		return nil, err
	}
	if c.reach.TokenFile == "" {
		return nil, usagef("--url needs a token: give --token-file or set %s", envTokenFile)
	}
	token, err := c.readToken(c.reach.TokenFile)
	if err != nil {
		return nil, err
	}
	return urlClient(u, token), nil
}

// parseURL reads the address of a daemon. Plain http is taken only where no
// other machine could listen on the way.
func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, usagef("--url takes an address as https://keys.example.com")
	case u.User != nil:
		return nil, usagef("--url holds a user or password; give a token by --token-file instead")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "":
		return nil, usagef("--url ends after the host and port")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, usagef("--url %s would send the token over the network in clear; use https", u.Redacted())
	}
	return u, nil
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback() || host == "localhost"
}

// onlyLoopback reports whether every address that is set is loopback's.
func onlyLoopback(addresses ...string) bool {
	for _, a := range addresses {
		if host, _, err := net.SplitHostPort(a); a != "" && (err != nil || !loopback(host)) {
			return false
		}
	}
	return true
}

// readToken reads the token file; "-" is standard input.
func (c *console) readToken(name string) (auth.Secret, error) {
	if name == "-" {
		return readSecret(c.in, "the token on standard input")
	}
	text, err := configs.ReadSecret(name)
	if err != nil {
		return auth.Secret{}, usagef("token: %w", err)
	}
	return auth.NewSecret(strings.TrimSpace(text)), nil
}

// readSecret reads all of r as one secret, without its final line break.
func readSecret(r io.Reader, what string) (auth.Secret, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxTokenFile+1))
	if err != nil {
		return auth.Secret{}, fmt.Errorf("read %s: %w", what, err)
	}
	secret := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	switch {
	case secret == "":
		return auth.Secret{}, usagef("%s is empty", what)
	case len(text) > maxTokenFile:
		return auth.Secret{}, usagef("%s is longer than %d KiB", what, maxTokenFile>>10)
	}
	return auth.NewSecret(secret), nil
}

// readPublic reads a file that holds no secret; "-" is standard input.
func (c *console) readPublic(name string, limit int64) (string, error) {
	r := c.in
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return "", usagef("%w", err)
		}
		defer f.Close()
		r = f
	}
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return "", err
	}
	if int64(len(text)) > limit {
		return "", usagef("%s is longer than %d KiB", name, limit>>10)
	}
	return string(text), nil
}
