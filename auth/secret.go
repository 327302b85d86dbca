package auth

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"strings"
)

// Secret is a text that must not be seen. It prints as [secret] in every
// format, log line and JSON document; Reveal is the only way out. Where fmt
// reaches it without its methods (in an unexported field) an address is printed.
type Secret struct{ text *string }

// NewSecret hides s.
func NewSecret(s string) Secret { return Secret{text: &s} }

// Reveal gives the text, to be handed to its owner and nobody else.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Empty reports whether there is no secret.
func (s Secret) Empty() bool { return s.Reveal() == "" }

// Equal compares in constant time for secrets of one length.
func (s Secret) Equal(t Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(t.Reveal())) == 1
}

const redacted = "[secret]"

func (s Secret) String() string               { return redacted }
func (s Secret) Format(f fmt.State, _ rune)   { io.WriteString(f, redacted) }
func (s Secret) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// UnmarshalText takes a secret in, as of a request's body.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}

// Form is what a secret says it is. Nothing is accepted by trying: a secret
// of one form is never read as another.
type Form int

const (
	FormPassword          Form = iota // whatever has no form of its own
	FormAPIKey                        // AKCp8 + 62 random + 6 checksum, alphanumeric: 73
	FormReference                     // cmVmd + 53 random + 6 checksum, alphanumeric: 64
	FormJWT                           // three base64url parts, the first beginning with eyJ
	FormEncryptedPassword             // AP + base58, checksum inside
	FormRefresh                       // LKrt1 + 53 derived + 6 checksum, alphanumeric: 64; only renews tokens
)

const (
	apiKeyPrefix    = "AKCp8"
	apiKeyLength    = 73
	referencePrefix = "cmVmd"
	referenceLength = 64
	refreshPrefix   = "LKrt1"
	refreshLength   = 64
	checksumLength  = 6
	alphanumerics   = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

	// maxSecret bounds every secret that is looked at. RFC 7235 sets none.
	maxSecret = 8 << 10
)

// FormOf tells a secret's form by its shape alone. A true form does not make a
// secret good; wellFormed checks the checksum and Identify the rest.
func FormOf(s string) Form {
	switch {
	case len(s) == apiKeyLength && strings.HasPrefix(s, apiKeyPrefix) && alphanumeric(s):
		return FormAPIKey
	case len(s) == referenceLength && strings.HasPrefix(s, referencePrefix) && alphanumeric(s):
		return FormReference
	case len(s) == refreshLength && strings.HasPrefix(s, refreshPrefix) && alphanumeric(s):
		return FormRefresh
	case strings.HasPrefix(s, "eyJ") && strings.Count(s, ".") == 2:
		return FormJWT
	case looksEncrypted(s):
		return FormEncryptedPassword
	}
	return FormPassword
}

func alphanumeric(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// Mask replaces what has the form of one of our secrets, or of a part of one,
// in a path, a command line or a client's name by [secret], for logs: people
// type secrets into wrong places.
func Mask(text string) string {
	var out strings.Builder
	kept := 0 // text[:kept] is in out
	for i := 0; i < len(text); {
		if !secretByte(text[i]) {
			i++
			continue
		}
		end := i + 1
		for end < len(text) && secretByte(text[end]) {
			end++
		}
		if maskable(text[i:end]) {
			out.WriteString(text[kept:i])
			out.WriteString(redacted)
			kept = end
		}
		i = end
	}
	if kept == 0 {
		return text
	}
	return out.String() + text[kept:]
}

// shortestMasked is how much of a secret is worth hiding, in bytes.
const shortestMasked = 20

// secretByte reports a character that secrets are made of.
func secretByte(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || c == '-' || c == '_' || c == '.'
}

// maskable reports a run of such characters with a secret in it.
func maskable(run string) bool {
	return len(run) >= shortestMasked && (strings.Contains(run, apiKeyPrefix) || strings.Contains(run, referencePrefix) ||
		strings.Contains(run, refreshPrefix) || strings.Contains(run, "eyJ") || looksEncrypted(run))
}

// newSecretText draws prefix + random + checksum of length characters. The
// checksum lets a typing error be told without a read, and a scanner be sure.
func newSecretText(prefix string, length int) string {
	body := prefix + randomAlphanumeric(length-len(prefix)-checksumLength)
	return body + checksum(body)
}

// wellFormed reports whether the last characters are the checksum of the rest.
func wellFormed(s string) bool {
	if len(s) <= checksumLength {
		return false
	}
	body := s[:len(s)-checksumLength]
	return checksum(body) == s[len(body):]
}

// checksum is CRC-32 (IEEE) in base 62, most significant first.
func checksum(body string) string {
	sum := crc32.ChecksumIEEE([]byte(body))
	var out [checksumLength]byte
	for i := checksumLength - 1; i >= 0; i-- {
		out[i] = alphanumerics[sum%62]
		sum /= 62
	}
	return string(out[:])
}

// randomAlphanumeric draws n characters without bias.
func randomAlphanumeric(n int) string { return pickAlphanumeric(rand.Reader, n) }

// pickAlphanumeric makes n characters of an endless stream of random bytes.
func pickAlphanumeric(from io.Reader, n int) string {
	out := make([]byte, 0, n)
	var buf [64]byte
	for len(out) < n {
		from.Read(buf[:]) // never fails, nor reads short
		for _, b := range buf {
			if b < 248 && len(out) < n { // 248 = 4 * 62
				out = append(out, alphanumerics[b%62])
			}
		}
	}
	return string(out)
}

// randomID draws an id of 128 bits, in the form of a UUID (RFC 9562, version 4).
func randomID() string {
	var b [16]byte
	rand.Read(b[:])
	return uuidOf(b)
}

func uuidOf(b [16]byte) string {
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	const hexdigits = "0123456789abcdef"
	out := make([]byte, 0, 36)
	for i, c := range b {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			out = append(out, '-')
		}
		out = append(out, hexdigits[c>>4], hexdigits[c&15])
	}
	return string(out)
}

// randomEpoch draws a number for a new account's counters, so that an account
// made again under an old name never meets its predecessor's epochs.
func randomEpoch() uint64 {
	var b [8]byte
	rand.Read(b[:])
	return binary.BigEndian.Uint64(b[:]) >> 16
}
