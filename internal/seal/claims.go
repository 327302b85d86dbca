package seal

import (
	"encoding/json"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// encodeClaims writes claims as JSON with sorted keys and integers as integers,
// in ASCII and without the bytes
//
//	~ ? > DEL
//
// in which six low bits are those of '-' or '_' in base64url; in strings they
// are written \u00XX. Nothing else in ASCII gives these two characters at any
// alignment, so the encoded text is the same in both base64 alphabets. Invalid
// UTF-8 becomes U+FFFD.
func encodeClaims(claims map[string]any) ([]byte, error) {
	if claims == nil {
		return []byte("{}"), nil
	}
	text, err := json.Marshal(claims)
	if err != nil {
		return nil, fmt.Errorf("encode claims: %w", err)
	}
	out := make([]byte, 0, len(text)+len(text)/8)
	for len(text) > 0 {
		c, n := utf8.DecodeRune(text)
		text = text[n:]
		switch {
		case c > 0xFFFF:
			high, low := utf16.EncodeRune(c)
			out = appendEscaped(appendEscaped(out, high), low)
		case c >= 0x7F || c == '~' || c == '?' || c == '>':
			out = appendEscaped(out, c)
		default:
			out = append(out, byte(c))
		}
	}
	return out, nil
}

func appendEscaped(b []byte, c rune) []byte {
	const digits = "0123456789abcdef"
	return append(b, '\\', 'u', digits[c>>12&15], digits[c>>8&15], digits[c>>4&15], digits[c&15])
}
