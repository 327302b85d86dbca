package event

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// cutMark ends a text that was longer.
const cutMark = "…"

// Clean makes a stranger's text fit for a line that people read in a terminal:
// at most max bytes of valid UTF-8 in which everything that does not print is
// written visibly, as \n, \x1b, \u202e or \U000e0001: control characters and so
// ANSI sequences and line breaks, invalid bytes, bidirectional and invisible
// formatting characters, unusual blanks. A text that is cut ends with "…" (or
// with nothing, if max has no room for that).
//
// A backslash stays as it is, so the result cannot be turned back, and cleaning
// twice is cleaning once. The cost is bounded by max, not by the text.
func Clean(s string, max int) string {
	if max <= 0 {
		return ""
	}
	if len(s) <= max && isPlain(s) {
		return s
	}
	out := make([]byte, 0, min(len(s)+len(cutMark), max))
	fits := 0 // so much of out may stay when the mark is added
	for i := 0; i < len(s); {
		if len(out) <= max-len(cutMark) {
			fits = len(out)
		}
		n := 0
		if out, n = appendVisible(out, s[i:]); len(out) > max {
			out = out[:fits]
			if max >= len(cutMark) {
				out = append(out, cutMark...)
			}
			break
		}
		i += n
	}
	return string(out)
}

func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// appendVisible adds the first character of s and says how long it was.
func appendVisible(b []byte, s string) ([]byte, int) {
	c, n := utf8.DecodeRuneInString(s)
	switch {
	case c == utf8.RuneError && n == 1:
		return fmt.Appendf(b, `\x%02x`, s[0]), 1
	case c == '\n':
		return append(b, `\n`...), n
	case c == '\r':
		return append(b, `\r`...), n
	case c == '\t':
		return append(b, `\t`...), n
	case unicode.IsPrint(c):
		return append(b, s[:n]...), n
	case c < 0x80:
		return fmt.Appendf(b, `\x%02x`, c), n
	case c <= 0xFFFF:
		return fmt.Appendf(b, `\u%04x`, c), n
	}
	return fmt.Appendf(b, `\U%08x`, c), n
}
