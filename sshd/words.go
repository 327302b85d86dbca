package sshd

import (
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

const (
	maxWords = 64

	// maxLife is the longest life that can be asked for; who wants more wants
	// "never".
	maxLife = 100 * 365 * 24 * time.Hour
)

// splitWords splits a line at blanks as a shell does: '…' is taken as it is, in
// "…" a backslash escapes, outside of both too. Nothing is ever expanded.
func splitWords(line string) ([]string, error) {
	var words []string
	for {
		line = strings.TrimLeft(line, " \t")
		if line == "" {
			return words, nil
		}
		if len(words) == maxWords {
			return nil, wrong("more than %d words", maxWords)
		}
		word, rest, err := takeWord(line, true)
		if err != nil {
			return nil, err
		}
		words, line = append(words, word), rest
	}
}

// unquote reads s, which is one quoted word: parts in quotes and backslashed
// characters, as 'it'\”s'.
func unquote(s string) (string, error) {
	word, rest, err := takeWord(s, false)
	if err != nil {
		return "", err
	}
	if rest != "" {
		return "", wrong("there is more after the closing quote")
	}
	return word, nil
}

// takeWord reads one word up to a blank. Unless bare is set, a character that
// is neither quoted nor escaped ends it too.
func takeWord(s string, bare bool) (word, rest string, err error) {
	var out strings.Builder
	for s != "" {
		switch ch := s[0]; {
		case ch == ' ' || ch == '\t':
			return out.String(), s, nil
		case ch == '\'':
			text, after, closed := strings.Cut(s[1:], "'")
			if !closed {
				return "", "", wrong("a quote is not closed")
			}
			out.WriteString(text)
			s = after
		case ch == '"':
			if s, err = takeDouble(s[1:], &out); err != nil {
				return "", "", err
			}
		case ch == '\\':
			if len(s) == 1 {
				return "", "", wrong("a backslash stands at the end")
			}
			out.WriteByte(s[1])
			s = s[2:]
		case !bare:
			return out.String(), s, nil
		default:
			out.WriteByte(ch)
			s = s[1:]
		}
	}
	return out.String(), "", nil
}

// takeDouble reads up to the closing double quote. A backslash escapes only
// what would mean something to a shell (POSIX, Shell Command Language 2.2.3).
func takeDouble(s string, out *strings.Builder) (rest string, err error) {
	for s != "" {
		switch {
		case s[0] == '"':
			return s[1:], nil
		case s[0] == '\\' && len(s) > 1 && strings.IndexByte("$`\"\\", s[1]) >= 0:
			out.WriteByte(s[1])
			s = s[2:]
		default:
			out.WriteByte(s[0])
			s = s[1:]
		}
	}
	return "", wrong("a quote is not closed")
}

// flags is what a verb may be told: names with a value and names without.
type flags struct {
	values   map[string]*string
	switches map[string]*bool
}

// parse reads words of the forms --name value, --name=value and --name, and
// returns the others; -- ends the flags.
func (f flags) parse(words []string) (rest []string, err error) {
	seen := make(map[string]bool)
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		if word == "--" {
			return append(rest, words...), nil
		}
		if !strings.HasPrefix(word, "--") {
			rest = append(rest, word)
			continue
		}
		name, value, given := strings.Cut(word[2:], "=")
		if seen[name] {
			return nil, wrong("--%s stands twice", name)
		}
		seen[name] = true
		if to, ok := f.switches[name]; ok && !given {
			*to = true
			continue
		}
		to, ok := f.values[name]
		if !ok {
			return nil, wrong("there is no --%s here", name)
		}
		if !given {
			if len(words) == 0 {
				return nil, wrong("--%s needs a value", name)
			}
			value, words = words[0], words[1:]
		}
		*to = value
	}
	return rest, nil
}

// parseLife reads 90d, 24h, 30m, or never. An empty text is the default life.
func parseLife(text string) (time.Duration, error) {
	switch text {
	case "":
		return 0, nil
	case "never":
		return auth.Endless, nil
	}
	life, err := time.ParseDuration(text)
	if days, isDays := strings.CutSuffix(text, "d"); isDays {
		var n int
		n, err = strconv.Atoi(days)
		life = time.Duration(min(max(n, 0), int(maxLife/(24*time.Hour))+1)) * 24 * time.Hour
	}
	if err != nil || life < time.Second || life > maxLife {
		return 0, wrong("%q is no life: write 30d, 24h or never", text)
	}
	return life, nil
}
