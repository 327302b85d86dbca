package oauth

import "strings"

// maxPattern bounds a pattern, in bytes. It keeps a pattern's states within
// five machine words.
const maxPattern = 256

// pattern is a text in which * stands for any run of characters without / and
// :, and ** (or more) for any run. It reads a value once, and each byte costs
// the same few word operations, so that no pattern and no value makes matching
// slow: it is the automaton of the pattern, one bit a state.
//
//	repo:acme/*    literals r e p o : a c m e /    after the last: a run without / and :
//
// State i has matched the first i literals.
type pattern struct {
	text  string
	plain bool       // no wildcard
	rows  [][]uint64 // for a literal byte: the states it leads on from
	row   [256]uint8 // 1 + index into rows; 0: no literal of the pattern
	deep  []uint64   // states that stay at any byte
	flat  []uint64   // states that stay at any byte but / and :
	last  int        // the state in which all is matched
}

// newPattern reads a pattern of at most maxPattern bytes.
func newPattern(text string) *pattern {
	p := &pattern{text: text, plain: !strings.Contains(text, "*")}
	if p.plain {
		return p
	}
	words := len(text)/64 + 1
	p.deep, p.flat = make([]uint64, words), make([]uint64, words)
	for i := 0; i < len(text); {
		if text[i] != '*' {
			p.literal(text[i], words)
			i++
			continue
		}
		end := i
		for end < len(text) && text[end] == '*' {
			end++
		}
		stay := p.flat
		if end-i > 1 {
			stay = p.deep
		}
		stay[p.last/64] |= 1 << (p.last % 64)
		i = end
	}
	return p
}

func (p *pattern) literal(c byte, words int) {
	if p.row[c] == 0 {
		p.rows = append(p.rows, make([]uint64, words))
		p.row[c] = uint8(len(p.rows))
	}
	p.rows[p.row[c]-1][p.last/64] |= 1 << (p.last % 64)
	p.last++
}

// matches reports whether the whole of value is what the pattern describes.
func (p *pattern) matches(value string) bool {
	if p.plain {
		return p.text == value
	}
	var now [maxPattern/64 + 1]uint64
	now[0] = 1
	words := len(p.deep)
	for i := range len(value) {
		c := value[i]
		var row []uint64
		if n := p.row[c]; n > 0 {
			row = p.rows[n-1]
		}
		carry := uint64(0)
		for w := range words {
			stay := p.deep[w]
			if c != '/' && c != ':' {
				stay |= p.flat[w]
			}
			on := uint64(0)
			if row != nil {
				on = now[w] & row[w]
			}
			now[w] = now[w]&stay | on<<1 | carry
			carry = on >> 63
		}
	}
	return now[p.last/64]&(1<<(p.last%64)) != 0
}

// open reports a pattern that tells nobody apart: it has no character but
// wildcards and what stands between names.
func (p *pattern) open() bool { return strings.Trim(p.text, "*/:.-_ ") == "" }
