package gateway

import (
	"bytes"
	"errors"
	"net/http"
)

// Limits of what the scanner follows.
const (
	maxHead      = maxHeaderBytes + 8<<10 // bytes of a request's head; net/http says 431 before
	maxChunkLine = 256                    // bytes of a chunk's size line with its extension
	maxTrailer   = 8 << 10                // bytes of the trailer section
	maxDigits    = 18                     // of a Content-Length: fits int64
	maxHexDigits = 15                     // of a chunk size: fits int64
)

// What the scanner refuses. Each is something that two readers of HTTP/1.1 are
// known to take differently (RFC 9112 §11.2), and that net/http takes.
var (
	errBareLF      = errors.New("a line ends with LF alone")
	errBareCR      = errors.New("CR within a line")
	errControl     = errors.New("control character in the head")
	errRequestLine = errors.New("malformed request line")
	errTarget      = errors.New("request target is neither a path nor this host's")
	errVersion     = errors.New("not HTTP/1.0 or HTTP/1.1")
	errFold        = errors.New("folded header line")
	errFieldName   = errors.New("malformed header name")
	errHost        = errors.New("not exactly one Host")
	errLength      = errors.New("malformed or repeated Content-Length")
	errEncoding    = errors.New("Transfer-Encoding is not exactly chunked, or not alone")
	errHeadSize    = errors.New("the head is too large")
	errChunk       = errors.New("malformed chunk")
)

// scanPhase is where in the stream of a connection the scanner stands.
type scanPhase uint8

const (
	atRequestLine scanPhase = iota
	inFields                // header lines, up to and with the empty one
	inBody                  // left bytes of a body with Content-Length
	atChunkSize
	inChunk    // left bytes of a chunk
	atChunkEnd // the CRLF behind a chunk
	inTrailer
	passing // anything: the connection speaks another protocol now
)

// scanner follows the requests that one client sends on a connection, bytes
// as they come, in pieces of any size:
//
//	METHOD SP target SP HTTP/1.x CRLF
//	name ":" OWS value OWS CRLF     (any number)
//	CRLF
//	body: Content-Length bytes, or chunks, or none
//
// It accepts only what every reader frames in the same way. It keeps nothing
// of what it reads but the pieces of a line that is not whole yet.
type scanner struct {
	phase scanPhase
	left  int64 // inBody, inChunk: bytes to come
	size  int   // bytes of this head, or of this trailer section
	line  []byte

	// Of the head under way.
	http10   bool
	hasHost  bool
	hasBody  bool  // Content-Length was seen
	chunked  bool  // Transfer-Encoding was seen
	length   int64 // with hasBody
	absolute []byte
}

// scan looks at the next bytes of the stream. It returns how many of them may
// be let through: all, or with an error those before the line at fault. After
// an error it must not be called again.
func (s *scanner) scan(p []byte) (int, error) {
	for i := 0; i < len(p); {
		switch s.phase {
		case passing:
			return len(p), nil
		case inBody, inChunk:
			n := min(s.left, int64(len(p)-i))
			s.left -= n
			i += int(n)
			if s.left == 0 {
				if s.phase == inBody {
					s.phase = atRequestLine
				} else {
					s.phase = atChunkEnd
				}
			}
		default:
			end := bytes.IndexByte(p[i:], '\n')
			if end < 0 {
				return len(p), s.keep(p[i:])
			}
			line := p[i : i+end+1]
			if len(s.line) > 0 {
				if err := s.keep(line); err != nil {
					return i, err
				}
				line = s.line
			}
			if err := s.whole(line); err != nil {
				return i, err
			}
			s.line = s.line[:0]
			i += end + 1
		}
	}
	return len(p), nil
}

// keep remembers a piece of a line.
func (s *scanner) keep(piece []byte) error {
	limit := maxHead
	switch s.phase {
	case inFields:
		limit = maxHead - s.size
	case atChunkSize, atChunkEnd:
		limit = maxChunkLine
	case inTrailer:
		limit = maxTrailer - s.size
	}
	if len(s.line)+len(piece) > limit {
		return errHeadSize
	}
	s.line = append(s.line, piece...)
	return nil
}

// whole judges a line with its end.
func (s *scanner) whole(line []byte) error {
	n := len(line)
	if n < 2 || line[n-2] != '\r' {
		return errBareLF
	}
	line = line[:n-2]
	switch s.phase {
	case atRequestLine:
		s.size = n
		return s.requestLine(line)
	case inFields:
		if s.size += n; s.size > maxHead {
			return errHeadSize
		}
		if len(line) == 0 {
			return s.endOfHead()
		}
		return s.field(line)
	case atChunkSize:
		return s.chunkSize(line)
	case atChunkEnd:
		if len(line) != 0 {
			return errChunk
		}
		s.phase = atChunkSize
		return nil
	}
	// inTrailer
	if s.size += n; s.size > maxTrailer {
		return errHeadSize
	}
	if len(line) == 0 {
		s.phase = atRequestLine
		return nil
	}
	_, _, err := splitField(line)
	return err
}

// requestLine judges METHOD SP target SP version (RFC 9112 §3). Empty lines
// before it, which the RFC lets a server skip, are refused.
func (s *scanner) requestLine(line []byte) error {
	if len(line) > maxHead {
		return errHeadSize
	}
	sp := bytes.IndexByte(line, ' ')
	if sp <= 0 || !isToken(line[:sp]) {
		return errRequestLine
	}
	method, rest := line[:sp], line[sp+1:]
	sp = bytes.IndexByte(rest, ' ')
	if sp <= 0 {
		return errRequestLine
	}
	target, version := rest[:sp], rest[sp+1:]
	for _, c := range target {
		if c <= ' ' || c == 0x7f {
			return errRequestLine
		}
	}
	switch string(version) {
	case "HTTP/1.1":
		s.http10 = false
	case "HTTP/1.0":
		s.http10 = true
	default:
		return errVersion
	}
	s.absolute = s.absolute[:0]
	switch {
	case target[0] == '/':
	case len(target) == 1 && target[0] == '*' && string(method) == http.MethodOptions:
	default:
		// RFC 9112 §3.2.2: the absolute form is for proxies. Only what says
		// the same as Host is harmless; that is known when Host comes.
		authority, ok := absoluteAuthority(target)
		if !ok {
			return errTarget
		}
		s.absolute = append(s.absolute, authority...)
	}
	s.hasHost, s.hasBody, s.chunked, s.length = false, false, false, 0
	s.phase = inFields
	return nil
}

// absoluteAuthority is the host and port of a target http://host[:port]/…
func absoluteAuthority(target []byte) ([]byte, bool) {
	const plain, secure = "http://", "https://"
	rest, ok := cutPrefixFold(target, plain)
	if !ok {
		if rest, ok = cutPrefixFold(target, secure); !ok {
			return nil, false
		}
	}
	if end := bytes.IndexByte(rest, '/'); end >= 0 {
		rest = rest[:end]
	} else {
		return nil, false // http://host?query: not worth the doubt
	}
	return rest, len(rest) > 0 && bytes.IndexByte(rest, '@') < 0
}

func cutPrefixFold(b []byte, prefix string) ([]byte, bool) {
	if len(b) < len(prefix) || !equalFold(b[:len(prefix)], prefix) {
		return b, false
	}
	return b[len(prefix):], true
}

// equalFold compares ASCII without case; lower is in lower case.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// field judges one header line.
func (s *scanner) field(line []byte) error {
	name, value, err := splitField(line)
	if err != nil {
		return err
	}
	// Only three lengths matter.
	switch len(name) {
	case len("host"):
		if equalFold(name, "host") {
			if s.hasHost || len(value) == 0 {
				return errHost
			}
			s.hasHost = true
			if len(s.absolute) > 0 && !bytes.EqualFold(s.absolute, value) {
				return errTarget
			}
		}
	case len("content-length"):
		if equalFold(name, "content-length") {
			if s.hasBody {
				return errLength
			}
			s.hasBody = true
			return s.contentLength(value)
		}
	case len("transfer-encoding"):
		if equalFold(name, "transfer-encoding") {
			if s.chunked || !equalFold(value, "chunked") {
				return errEncoding
			}
			s.chunked = true
		}
	}
	return nil
}

// splitField cuts a header line at its colon and trims the value. It refuses
// folded lines, blanks before the colon, and control characters but TAB.
func splitField(line []byte) (name, value []byte, err error) {
	if line[0] == ' ' || line[0] == '\t' {
		return nil, nil, errFold
	}
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 || !isToken(line[:colon]) {
		return nil, nil, errFieldName
	}
	value = line[colon+1:]
	for _, c := range value {
		if c < ' ' && c != '\t' || c == 0x7f {
			if c == '\r' {
				return nil, nil, errBareCR
			}
			return nil, nil, errControl
		}
	}
	for len(value) > 0 && (value[0] == ' ' || value[0] == '\t') {
		value = value[1:]
	}
	for len(value) > 0 && (value[len(value)-1] == ' ' || value[len(value)-1] == '\t') {
		value = value[:len(value)-1]
	}
	return line[:colon], value, nil
}

// contentLength reads 1*DIGIT (RFC 9110 §8.6), not a list of equal numbers.
func (s *scanner) contentLength(value []byte) error {
	if len(value) == 0 || len(value) > maxDigits {
		return errLength
	}
	s.length = 0
	for _, c := range value {
		if c < '0' || c > '9' {
			return errLength
		}
		s.length = s.length*10 + int64(c-'0')
	}
	return nil
}

// endOfHead decides how the body is framed (RFC 9112 §6.3).
func (s *scanner) endOfHead() error {
	switch {
	case !s.hasHost && (!s.http10 || len(s.absolute) > 0):
		return errHost
	case s.chunked && (s.hasBody || s.http10):
		return errEncoding
	case s.chunked:
		s.phase = atChunkSize
	case s.length > 0:
		s.left = s.length
		s.phase = inBody
	default:
		s.phase = atRequestLine
	}
	return nil
}

// chunkSize judges 1*HEXDIG [";" extension] (RFC 9112 §7.1).
func (s *scanner) chunkSize(line []byte) error {
	if len(line) > maxChunkLine {
		return errChunk
	}
	var size int64
	i := 0
	for ; i < len(line); i++ {
		d, ok := hexDigit(line[i])
		if !ok {
			break
		}
		size = size<<4 | int64(d)
	}
	if i == 0 || i > maxHexDigits {
		return errChunk
	}
	if i < len(line) {
		if line[i] != ';' {
			return errChunk
		}
		for _, c := range line[i:] {
			if c < ' ' || c > '~' {
				return errChunk
			}
		}
	}
	if size == 0 {
		s.size = 0
		s.phase = inTrailer
		return nil
	}
	s.left = size
	s.phase = inChunk
	return nil
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// isToken reports that b has only characters of a method or header name
// (RFC 9110 §5.6.2).
func isToken(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 || tokenSet[c/64]&(1<<(c%64)) == 0 {
			return false
		}
	}
	return len(b) > 0
}

// tokenSet has a bit for each character of a token.
var tokenSet = [2]uint64{
	1<<'!' | 1<<'#' | 1<<'$' | 1<<'%' | 1<<'&' | 1<<'\'' | 1<<'*' | 1<<'+' | 1<<'-' | 1<<'.' | 0x3ff<<'0',
	0x3ffffff<<('A'-64) | 0x3ffffff<<('a'-64) | 1<<('^'-64) | 1<<('_'-64) | 1<<('`'-64) | 1<<('|'-64) | 1<<('~'-64),
}
