package configs

import (
	"log/slog"
	"net"
	"net/netip"
	"strings"
)

// StoreURL is the value of store. It may hold the store's password, so it
// prints without one; Reveal is the only way to the whole text.
type StoreURL string

// Reveal is the value as configured, with its password if it has one.
func (s StoreURL) Reveal() string { return string(s) }

// String is the value without user and password, for messages and logs.
func (s StoreURL) String() string { return redact(string(s)) }

// GoString hides the password from %#v.
func (s StoreURL) GoString() string { return s.String() }

// MarshalText hides the password from encoders.
func (s StoreURL) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue hides the password from slog.
func (s StoreURL) LogValue() slog.Value { return slog.StringValue(s.String()) }

// redact drops everything before the last @ of the authority.
func redact(s string) string {
	scheme, rest, ok := strings.Cut(s, "://")
	switch {
	case s == "" || s == "bolt":
		return s
	case !ok:
		return "[not a store]"
	}
	authority, tail := rest, ""
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		authority = rest[i+1:]
	}
	if i := strings.IndexAny(authority, "?#"); i >= 0 {
		authority, tail = authority[:i], "?…"
	}
	return scheme + "://" + authority + tail
}

// checkStore says what is wrong with the form of store. It looks at the form
// alone, and its sentences never repeat the value.
func checkStore(s string) string {
	if s == "bolt" {
		return ""
	}
	const forms = "takes bolt, redis://host:port, rediss://host:port, redis+sentinel://host,host/master or redis+cluster://host,host"
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return forms
	}
	authority, path := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, path = rest[:i], rest[i:]
	}
	if strings.Contains(path, "@") {
		return "has an @ after the hosts; write / ? # @ in a password as %2F %3F %23 %40"
	}
	hosts := strings.Split(authority[strings.LastIndexByte(authority, '@')+1:], ",")
	for _, h := range hosts {
		if !validStoreHost(h) {
			return "has a host that is not host or host:port"
		}
	}
	if strings.Contains(path, "#") {
		return "must not have a fragment"
	}
	path, _, _ = strings.Cut(path, "?")
	switch path = strings.Trim(path, "/"); scheme {
	case "redis", "rediss":
		if len(hosts) != 1 {
			return "takes one host; several are redis+sentinel:// or redis+cluster://"
		}
	case "redis+sentinel":
		if path == "" {
			return "needs the name of the master after the hosts, as redis+sentinel://host,host/master"
		}
	case "redis+cluster":
		if path != "" {
			return "takes no path: a cluster has one database"
		}
	default:
		return forms
	}
	return ""
}

func validStoreHost(s string) bool {
	host := s
	if h, port, err := net.SplitHostPort(s); err == nil {
		if portNumber(port) <= 0 {
			return false
		}
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	_, err := netip.ParseAddr(host)
	return err == nil || validHost(strings.ToLower(host)) || serviceName(host)
}

// serviceName accepts what container networks call a machine: host names with
// underscores.
func serviceName(s string) bool { return validHost(strings.ReplaceAll(strings.ToLower(s), "_", "-")) }
