package sshd

import (
	"encoding/binary"
)

const (
	maxEnvName  = 64  // bytes
	maxEnvValue = 256 // bytes

	// envAllowed is the only variable a client may set. Nothing here reads it;
	// git sends it before each command, and is told yes (RFC 4254 §6.4).
	envAllowed = "GIT_PROTOCOL"

	lengthSize = 4 // of a string on the wire (RFC 4251 §5)
)

// takeString reads one string of the wire's form, a length of four bytes and as
// many bytes. The length may be anything, also more than there is.
func takeString(b []byte) (s string, rest []byte, ok bool) {
	if len(b) < lengthSize {
		return "", nil, false
	}
	n := binary.BigEndian.Uint32(b)
	b = b[lengthSize:]
	if uint64(n) > uint64(len(b)) {
		return "", nil, false
	}
	return string(b[:n]), b[n:], true
}

// onlyString reads a payload that is one string and nothing more, as that of
// exec and subsystem (RFC 4254 §6.5).
func onlyString(b []byte) (string, bool) {
	s, rest, ok := takeString(b)
	return s, ok && len(rest) == 0
}

// envAccepted says whether an env request is well-formed and sets the one
// variable that may be set.
func envAccepted(b []byte) bool {
	name, rest, ok := takeString(b)
	if !ok || len(name) > maxEnvName {
		return false
	}
	value, ok := onlyString(rest)
	return ok && name == envAllowed && len(value) <= maxEnvValue
}

func exitStatus(code int) []byte {
	return binary.BigEndian.AppendUint32(nil, uint32(code))
}
