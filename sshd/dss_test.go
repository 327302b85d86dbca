package sshd_test

//lint:file-ignore SA1019 ssh-dss can be allowed, so it is tried

import (
	"crypto/dsa"
	"crypto/rand"
	"testing"

	gossh "golang.org/x/crypto/ssh"
)

func dsaSigner(t *testing.T) gossh.Signer {
	t.Helper()
	key := new(dsa.PrivateKey)
	if err := dsa.GenerateParameters(&key.Parameters, rand.Reader, dsa.L1024N160); err != nil {
		t.Fatal(err)
	}
	if err := dsa.GenerateKey(key, rand.Reader); err != nil {
		t.Fatal(err)
	}
	signer, err := gossh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}
