package seal

import (
	"bytes"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

const (
	masterPrefix  = "latchkey-master-1:"
	masterSize    = 32  // bytes of randomness in a master key
	maxMasterFile = 512 // bytes; the form below needs 62

	fingerprintSize = 8 // bytes, shown as twice as many hexadecimal digits
)

// MasterKey is the one secret kept outside the store. It does nothing but wrap
// a [Ring]. Its file is one line of text:
//
//	latchkey-master-1:<43 characters base64url = 256 random bits>
//
// It prints as [secret] in every format.
type MasterKey struct {
	key [masterSize]byte
}

// CreateMasterKey makes a new random master key and writes it to path, mode
// 0600. Both the file and its folder are on disk when it returns. It never
// overwrites: if anything exists at path, the error is fs.ErrExist.
func CreateMasterKey(path string) (*MasterKey, error) {
	m := new(MasterKey)
	rand.Read(m.key[:]) // never fails, crypto/rand
	folder := filepath.Dir(path)
	f, err := os.CreateTemp(folder, ".master-key-*") // 0600
	if err != nil {
		return nil, fmt.Errorf("create master key: %w", err)
	}
	defer os.Remove(f.Name())
	if err := writeMaster(f, m); err != nil {
		return nil, fmt.Errorf("create master key: %w", err)
	}
	// The name comes last, and only where it is free: a crash leaves no half
	// of a key, and two at once leave one.
	err = os.Link(f.Name(), path)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("create master key: %w: a master key is never overwritten; move the old file away first if you mean it", err)
	}
	if err != nil {
		return nil, fmt.Errorf("create master key: %w", err)
	}
	if err := syncDir(folder); err != nil {
		os.Remove(path)
		return nil, fmt.Errorf("create master key: %w", err)
	}
	return m, nil
}

func writeMaster(f *os.File, m *MasterKey) error {
	line := masterPrefix + base64.RawURLEncoding.EncodeToString(m.key[:]) + "\n"
	_, err := f.WriteString(line)
	return errors.Join(err, f.Sync(), f.Close())
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// LoadMasterKey reads the master key at path. A symbolic link is followed and
// the owner does not matter, but a file that group or others may read is
// refused, and so is everything that is not exactly the form that
// [CreateMasterKey] writes (the newline may be missing). A missing file is
// fs.ErrNotExist.
func LoadMasterKey(path string) (*MasterKey, error) {
	// O_NONBLOCK: a named pipe must be refused below, not waited for.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("load master key: %w: put the key that belongs to this store there", err)
	}
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("load master key: %w: let the user that runs the daemon read it", err)
	}
	if err != nil {
		return nil, fmt.Errorf("load master key: %w", err)
	}
	defer f.Close()

	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("load master key: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("load master key: %s is not a regular file: name the file that holds the key", path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("load master key: %s has mode %04o, so others than its owner can use it: run chmod 600 on it", path, mode)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxMasterFile+1))
	if err != nil {
		return nil, fmt.Errorf("load master key: %w", err)
	}
	if len(text) == 0 {
		return nil, fmt.Errorf("load master key: %s is empty: restore it from your copy, or delete it if the store is empty too", path)
	}
	m, ok := parseMaster(text)
	if !ok {
		return nil, fmt.Errorf("load master key: %s is not one line %q and 43 characters: restore it from your copy", path, masterPrefix)
	}
	return m, nil
}

func parseMaster(text []byte) (*MasterKey, bool) {
	text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
	encoded, ok := bytes.CutPrefix(text, []byte(masterPrefix))
	if !ok || len(encoded) != idLen || !isBase64URL(string(encoded)) {
		return nil, false
	}
	m := new(MasterKey)
	if _, err := base64.RawURLEncoding.Strict().Decode(m.key[:], encoded); err != nil {
		return nil, false
	}
	return m, true
}

// Fingerprint names the key without telling it: 16 hexadecimal digits. Equal
// keys have equal fingerprints.
func (m *MasterKey) Fingerprint() string {
	return hex.EncodeToString(derive(m.key[:], "latchkey master key fingerprint", fingerprintSize))
}

// Format prints [secret] for every verb.
func (m MasterKey) Format(f fmt.State, _ rune) { io.WriteString(f, hidden) }

// hidden is what keys print as.
const hidden = "[secret]"

// derive is HKDF-SHA256 (RFC 5869) without salt.
func derive(key []byte, info string, size int) []byte {
	out, err := hkdf.Key(sha256.New, key, nil, info, size)
	if err != nil {
		panic("seal: derive: " + err.Error()) // only for sizes that no caller asks for
	}
	return out
}
