package redis

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Defaults and limits of Config.
const (
	// DefaultPrefix begins every key and channel.
	DefaultPrefix = "latchkey:"
	maxPrefix     = 64 // bytes
	maxURL        = 4096
	maxDB         = 1 << 20
	maxHosts      = 64

	redisPort    = "6379"
	sentinelPort = "26379"
)

// Password prints as [secret], with every verb.
type Password string

const hidden = "[secret]"

func (Password) String() string               { return hidden }
func (Password) Format(f fmt.State, _ rune)   { _, _ = io.WriteString(f, hidden) }
func (Password) LogValue() slog.Value         { return slog.StringValue(hidden) }
func (Password) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// Config says where Redis is. ParseURL makes one.
type Config struct {
	// Addrs are host:port: of the server; of the Sentinels, when Master is
	// set; of some nodes, when Cluster is.
	Addrs []string
	// Master is the name the Sentinels know the master by.
	Master string
	// Cluster: the addresses are of a Redis Cluster.
	Cluster bool
	// DB is the database number; a cluster has 0 only.
	DB int
	// Username and Password sign in to Redis; empty: no sign-in.
	Username string
	Password Password
	// SentinelUsername and SentinelPassword sign in to the Sentinels.
	SentinelUsername string
	SentinelPassword Password
	// TLS, when not nil, is spoken with every server. Its verification is
	// never weakened here.
	TLS *tls.Config
	// Prefix begins every key and channel, so that stores may share a server.
	// Empty is DefaultPrefix.
	Prefix string
	// Now is the clock that decides expiry and stamps the proofs of life of
	// Watch; nil is time.Now. It keeps its monotonic reading.
	Now func() time.Time
}

// String is a URL without user and password.
func (c Config) String() string {
	scheme := "redis"
	if c.TLS != nil {
		scheme = "rediss"
	}
	path := "/" + strconv.Itoa(c.DB)
	switch {
	case c.Master != "":
		scheme += "+sentinel"
		path = "/" + c.Master + path
	case c.Cluster:
		scheme += "+cluster"
		path = ""
	}
	s := scheme + "://" + strings.Join(c.Addrs, ",") + path
	if c.Prefix != "" && c.Prefix != DefaultPrefix {
		s += "?prefix=" + url.QueryEscape(c.Prefix)
	}
	return s
}

// ParseURL understands
//
//	redis://[user:password@]host[:port][/db]
//	redis+sentinel://[user:password@]host[:port][,host[:port]…]/master[/db]
//	redis+cluster://[user:password@]host[:port][,host[:port]…]
//
// each with rediss in place of redis for TLS (1.2 or newer, certificates
// verified), and each with ?prefix=… at the end. Ports default to 6379, those
// of Sentinels to 26379. User and password are percent-encoded; a password
// better comes from a file, by Config.Password. No error repeats the URL,
// which may hold a password.
func ParseURL(s string) (Config, error) {
	c := Config{Prefix: DefaultPrefix}
	if len(s) > maxURL {
		return Config{}, fmt.Errorf("store: the URL has %d bytes, at most %d", len(s), maxURL)
	}
	for _, r := range s {
		if r <= ' ' || r == 0x7f {
			return Config{}, errors.New("store: the URL has a space or control character; write it as %20")
		}
	}
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return Config{}, errors.New("store: no scheme, want redis://, rediss://, redis+sentinel:// or redis+cluster://")
	}
	port := redisPort
	transport, kind, _ := strings.Cut(scheme, "+")
	switch transport {
	case "redis":
	case "rediss":
		c.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	default:
		return Config{}, errUnknownScheme
	}
	switch {
	case kind == "sentinel":
		port = sentinelPort
	case kind == "cluster":
		c.Cluster = true
	case strings.Contains(scheme, "+"):
		return Config{}, errUnknownScheme
	}

	// Not url.Parse: it knows one host only, and its errors quote the input.
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		if err := c.userinfo(rest[:at]); err != nil {
			return Config{}, err
		}
		rest = rest[at+1:]
	}
	if strings.Contains(rest, "#") {
		return Config{}, errors.New("store: the URL has a # where none belongs; in a password write it as %23")
	}
	rest, query, _ := strings.Cut(rest, "?")
	if err := c.query(query); err != nil {
		return Config{}, err
	}
	hosts, path, _ := strings.Cut(rest, "/")
	if err := c.hosts(hosts, port); err != nil {
		return Config{}, err
	}
	if err := c.path(strings.TrimSuffix(path, "/"), kind); err != nil {
		return Config{}, err
	}
	return c, nil
}

var errUnknownScheme = errors.New("store: unknown scheme, want redis://, rediss://, redis+sentinel:// or redis+cluster://")

func (c *Config) userinfo(s string) error {
	user, password, _ := strings.Cut(s, ":")
	u, err1 := url.PathUnescape(user)
	p, err2 := url.PathUnescape(password)
	if err1 != nil || err2 != nil {
		return errors.New("store: user or password is badly percent-encoded")
	}
	if u != "" && p == "" {
		return errors.New("store: a user without password, want user:password@ or :password@")
	}
	c.Username, c.Password = u, Password(p)
	return nil
}

func (c *Config) query(s string) error {
	values, err := url.ParseQuery(s)
	if err != nil {
		return errors.New("store: what follows ? is badly encoded")
	}
	for name, v := range values {
		if name != "prefix" || len(v) != 1 {
			return errors.New("store: after ? only prefix=… may follow, once")
		}
		c.Prefix = v[0]
		if err := checkPrefix(c.Prefix); err != nil {
			return err
		}
	}
	return nil
}

func checkPrefix(s string) error {
	if s == "" || len(s) > maxPrefix {
		return fmt.Errorf("store: prefix of %d bytes, want 1 to %d", len(s), maxPrefix)
	}
	for _, r := range s {
		// Braces would put every key of a cluster on one node.
		if r <= ' ' || r > '~' || r == '{' || r == '}' {
			return fmt.Errorf("store: prefix %q, want printable ASCII without spaces and braces", s)
		}
	}
	return nil
}

func (c *Config) hosts(s, port string) error {
	for host := range strings.SplitSeq(s, ",") {
		addr, err := address(host, port)
		if err != nil {
			return err
		}
		c.Addrs = append(c.Addrs, addr)
	}
	if len(c.Addrs) > maxHosts {
		return fmt.Errorf("store: %d hosts, at most %d", len(c.Addrs), maxHosts)
	}
	return nil
}

// address completes host, host:port, [v6] or [v6]:port.
func address(s, port string) (string, error) {
	host := s
	if h, p, err := net.SplitHostPort(s); err == nil {
		host, port = h, p
		if n, err := strconv.Atoi(p); err != nil || n < 1 || n > 65535 || strings.Trim(p, "0123456789") != "" {
			return "", fmt.Errorf("store: host %q has a bad port, want 1 to 65535", s)
		}
	} else if bare, ok := strings.CutPrefix(s, "["); ok && strings.HasSuffix(bare, "]") {
		host = strings.TrimSuffix(bare, "]")
	} else if strings.ContainsAny(s, ":") {
		return "", fmt.Errorf("store: host %q is no host:port; an IPv6 address stands in brackets", s)
	}
	if host == "" {
		return "", errors.New("store: a host is missing")
	}
	if strings.ContainsAny(host, `[]\"'`) {
		return "", fmt.Errorf("store: bad host %q", host)
	}
	return net.JoinHostPort(host, port), nil
}

func (c *Config) path(s, kind string) error {
	switch kind {
	case "cluster":
		if s != "" && s != "0" {
			return errors.New("store: a cluster has no database number")
		}
		return nil
	case "sentinel":
		c.Master, s, _ = strings.Cut(s, "/")
		if c.Master == "" {
			return errors.New("store: the name of the master is missing, want redis+sentinel://host,host/master")
		}
	default:
		if len(c.Addrs) > 1 {
			return errors.New("store: several hosts, want redis+sentinel:// or redis+cluster://")
		}
	}
	if s == "" {
		return nil
	}
	db, err := strconv.Atoi(s)
	if err != nil || db < 0 || db > maxDB || strings.Trim(s, "0123456789") != "" {
		return fmt.Errorf("store: database %q, want a number from 0", s)
	}
	c.DB = db
	return nil
}
