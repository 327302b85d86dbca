package sshd

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	gossh "golang.org/x/crypto/ssh"
)

const (
	maxHostKeyFile = 64 << 10 // bytes
	privateMode    = 0o600
	othersMode     = 0o077
)

// LoadHostKey reads the private key at path, in OpenSSH's form or PEM. It
// refuses a file that anybody but its owner can touch, a key with a passphrase,
// RSA below 3072 bits and ssh-dss.
func LoadHostKey(path string) (gossh.Signer, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("host key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("host key: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("host key %s is not a file", path)
	}
	if mode := info.Mode().Perm(); mode&othersMode != 0 {
		return nil, fmt.Errorf("host key %s can be touched by others (mode %04o): run chmod 600 %s", path, mode, path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxHostKeyFile))
	if err != nil {
		return nil, fmt.Errorf("host key: %w", err)
	}
	key, err := gossh.ParsePrivateKey(text)
	if _, yes := errors.AsType[*gossh.PassphraseMissingError](err); yes {
		return nil, fmt.Errorf("host key %s has a passphrase: remove it with ssh-keygen -p -f %s", path, path)
	}
	if err != nil {
		return nil, fmt.Errorf("host key %s is not a private key: move it away to have a new one made, or put the true one back: %w", path, err)
	}
	key, err = strongHostKey(key)
	if err != nil {
		return nil, fmt.Errorf("host key %s: %w", path, err)
	}
	return key, nil
}

// strongHostKey refuses weak keys, and keeps RSA from signing with SHA-1.
func strongHostKey(key gossh.Signer) (gossh.Signer, error) {
	pub := key.PublicKey()
	switch pub.Type() {
	case gossh.KeyAlgoED25519, gossh.KeyAlgoECDSA256, gossh.KeyAlgoECDSA384, gossh.KeyAlgoECDSA521:
		return key, nil
	case gossh.KeyAlgoRSA:
		if bits := rsaBits(pub); bits < minHostRSA {
			return nil, fmt.Errorf("RSA host keys need %d bits, this one has %d", minHostRSA, bits)
		}
		signer, ok := key.(gossh.AlgorithmSigner)
		if !ok {
			return nil, errors.New("the RSA key cannot sign with SHA-2")
		}
		return gossh.NewSignerWithAlgorithms(signer, []string{gossh.KeyAlgoRSASHA512, gossh.KeyAlgoRSASHA256})
	}
	return nil, fmt.Errorf("%s is no type for a host key; use ssh-ed25519", pub.Type())
}

// LoadOrCreateHostKey reads the private key at path as [LoadHostKey] does. Only
// where there is no file at all it makes an Ed25519 key there, mode 0600: a key
// that cannot be read is an error, never replaced. Of several processes that
// start at once one makes it, and all use it.
func LoadOrCreateHostKey(path string) (gossh.Signer, error) {
	key, err := LoadHostKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := createHostKey(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make host key: %w", err)
	}
	return LoadHostKey(path)
}

// createHostKey writes a new key beside path and gives it the name last, so
// that nobody ever reads half of one. The error is fs.ErrExist when somebody
// else was faster.
func createHostKey(path string) error {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	block, err := gossh.MarshalPrivateKey(private, "latchkey")
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".host_key_*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if err := f.Chmod(privateMode); err != nil {
		return err
	}
	if err := pem.Encode(f, block); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
