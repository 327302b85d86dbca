package auth

import (
	"net/mail"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of names.
const (
	MaxName        = 64  // user names
	MaxGroupName   = 64  // group names
	MaxDisplayName = 128 // characters
	MaxEmail       = 254 // RFC 5321 §4.5.3.1.3
)

// CanonicalName lower-cases a user name as typed and checks it: 1 to 64 of
// a-z 0-9 . _ - @ +, and no other spelling of any of them (a Kelvin sign is
// not a k). "me" and names that begin with a dash are nobody's.
func CanonicalName(s string) (string, error) {
	if len(s) == 0 || len(s) > MaxName {
		return "", invalid("name", "a user name has 1 to %d characters", MaxName)
	}
	b := []byte(s)
	for i, c := range b {
		switch {
		case 'A' <= c && c <= 'Z':
			b[i] = c + 'a' - 'A'
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', strings.IndexByte("._-@+", c) >= 0:
		default:
			return "", invalid("name", "a user name is made of a-z, 0-9 and . _ - @ +")
		}
	}
	name := string(b)
	if name == "me" || name == "." || name == ".." || name[0] == '-' || name == "__token__" {
		return "", invalid("name", "%q cannot be a user name", name)
	}
	return name, nil
}

// validGroupName: 1 to 64 printable characters without comma, quote, slash,
// colon or space at an end.
func validGroupName(s string) bool {
	if s == "" || len(s) > MaxGroupName || !utf8.ValidString(s) || strings.TrimSpace(s) != s || s == "." || s == ".." {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) || r == utf8.RuneError || strings.ContainsRune(",\"/:*", r) {
			return false
		}
	}
	return true
}

func checkDisplayName(s string) error {
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > MaxDisplayName {
		return invalid("display_name", "a display name has at most %d characters", MaxDisplayName)
	}
	for _, r := range s {
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
			return invalid("display_name", "a display name carries no control characters")
		}
	}
	return nil
}

// checkEmail takes one bare address of characters that are seen as they are:
// those that net/mail lets pass in RFC 6532's could turn lines around, break
// them or not be seen at all, in mails about the address as well.
func checkEmail(s string) error {
	at, err := mail.ParseAddress(s)
	if err != nil || at.Address != s || at.Name != "" || len(s) > MaxEmail || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError }) {
		return invalid("email", "%q is not an e-mail address", s)
	}
	return nil
}

// insert adds name to a sorted list; false where it is there already.
func insert(list *[]string, name string) bool {
	i, there := slices.BinarySearch(*list, name)
	if !there {
		*list = slices.Insert(*list, i, name)
	}
	return !there
}

// remove takes name out of a sorted list; false where it is not there.
func remove(list *[]string, name string) bool {
	i, there := slices.BinarySearch(*list, name)
	if there {
		*list = slices.Delete(*list, i, i+1)
	}
	return there
}

// textOf reports 1 to most bytes of text without control characters.
func textOf(s string, most int) bool {
	return s != "" && len(s) <= most && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// cleanText keeps what can be seen of s, most characters of it: what turns
// lines around, breaks them or is not seen at all is left out.
func cleanText(s string, most int) string {
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) && r != utf8.RuneError {
			return r
		}
		return -1
	}, s))
	if r := []rune(s); len(r) > most {
		return strings.TrimSpace(string(r[:most]))
	}
	return s
}
