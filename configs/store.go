package configs

import (
	"log/slog"
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
	if !ok {
		return s
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
