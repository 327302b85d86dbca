package sshd_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"io"
	"math/big"
	"net"
	"path/filepath"
	"strings"
	"testing"

	gossh "golang.org/x/crypto/ssh"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/sshd"
)

// The stock client shows the victim's public key first and proves its own.
func TestOfferedKeyIsNotProven(t *testing.T) {
	d := start(t)
	alice, bob := d.person(t, "alice"), d.person(t, "bob")
	victim := filepath.Join(t.TempDir(), "victim.pub")
	public, err := readFile(alice + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	write(t, victim, public)
	out, errOut, code := d.ssh(t, "-i", victim, "-i", bob, "alice@127.0.0.1", "whoami")
	if out != "bob\n" || code != 0 {
		t.Errorf("whoami = %q, %d (%s), want bob", out, code, errOut)
	}
}

// The name of the first attempt is somebody else's, and so is its key.
func TestUserNameIsIgnored(t *testing.T) {
	d := start(t)
	c := d.dial(t, "bob")
	if out, _, _ := run(t, c, "whoami"); out != "bob\n" {
		t.Errorf("whoami = %q, want bob", out)
	}
	for _, name := range []string{"alice", "root", "admin", "git", "", "a b\x1b[2J"} {
		key := newSigner(t)
		d.people.register("carol", key.PublicKey())
		c, err := gossh.Dial("tcp", d.addr, d.clientConfig(name, key))
		if err != nil {
			t.Fatalf("as %q: %v", name, err)
		}
		if out, _, _ := run(t, c, "whoami"); out != "carol\n" {
			t.Errorf("whoami as %q = %q, want carol", name, out)
		}
		c.Close()
	}
}

// One connection tries alice with alice's public key (not proven), then bob's
// name, then alice's name with bob's key.
func TestNamesAndKeysSwitchedBetweenAttempts(t *testing.T) {
	d := start(t)
	alice, bob := newSigner(t), newSigner(t)
	d.people.register("alice", alice.PublicKey())
	d.people.register("bob", bob.PublicKey())
	w := rawLogin(t, d.addr)
	w.offer("alice", alice.PublicKey())
	w.offer("bob", bob.PublicKey())
	w.offer("alice", alice.PublicKey())
	w.prove("alice", bob)
	if got := w.exec("whoami"); got != "bob\n" {
		t.Errorf("whoami = %q, want bob", got)
	}
}

// A signature of bob's key over a request that names alice's key is nothing.
func TestSignatureOfAnotherKeyIsRefused(t *testing.T) {
	d := start(t)
	alice, bob := newSigner(t), newSigner(t)
	d.people.register("alice", alice.PublicKey())
	d.people.register("bob", bob.PublicKey())
	lie := liar{Signer: bob, shows: alice.PublicKey()}
	if c, err := gossh.Dial("tcp", d.addr, d.clientConfig("alice", lie)); err == nil {
		c.Close()
		t.Error("logged in with somebody else's signature")
	}
}

type liar struct {
	gossh.Signer
	shows gossh.PublicKey
}

func (l liar) PublicKey() gossh.PublicKey { return l.shows }

func TestKeysAreStrongEnough(t *testing.T) {
	rsaSigner := func(bits int) gossh.Signer {
		t.Helper()
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		signer, err := gossh.NewSignerFromKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return signer
	}
	sha1Only := func(s gossh.Signer) gossh.Signer {
		t.Helper()
		out, err := gossh.NewSignerWithAlgorithms(s.(gossh.AlgorithmSigner), []string{gossh.KeyAlgoRSA})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	good := rsaSigner(2048)
	t.Setenv("GODEBUG", "rsa1024min=0")
	for _, row := range []struct {
		name  string
		key   gossh.Signer
		dss   bool
		enter bool
	}{
		{"RSA 2048 with SHA-2", good, false, true},
		{"RSA 2048 with SHA-1", sha1Only(good), false, false},
		{"RSA 1024", rsaSigner(1024), false, false},
		{"DSA", dsaSigner(t), false, false},
		{"DSA where allowed", dsaSigner(t), true, true},
		{"Ed25519", newSigner(t), false, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := start(t, func(c *sshd.Config) { c.AllowDSS = row.dss })
			d.people.register("alice", row.key.PublicKey())
			c, err := gossh.Dial("tcp", d.addr, d.clientConfig("x", row.key))
			if (err == nil) != row.enter {
				t.Errorf("login: %v, want let in: %v", err, row.enter)
			}
			if err == nil {
				c.Close()
			}
		})
	}
}

// A key that would be dear to check is refused before it is.
func TestHugeRSAKeyIsRefusedAtOnce(t *testing.T) {
	d := start(t)
	n := new(big.Int).Lsh(big.NewInt(1), 16384-1)
	key, err := gossh.NewPublicKey(&rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 65537})
	if err != nil {
		t.Fatal(err)
	}
	d.people.register("alice", key)
	w := rawLogin(t, d.addr)
	w.must(w.send(cat([]byte{50}, str("x"), str("ssh-connection"), str("publickey"), []byte{0}, str("rsa-sha2-512"), str(key.Marshal()))))
	if p := w.expect(53); !strings.Contains(string(p), "RSA keys must have 2048 to 8192 bits, this one has 16384") {
		t.Errorf("banner %q", p)
	}
	w.expect(51)
}

// hardware is a key as a FIDO token holds it (OpenSSH, PROTOCOL.u2f). flags says
// whether somebody touched it.
type hardware struct {
	private ed25519.PrivateKey
	flags   byte
}

const skType = "sk-ssh-ed25519@openssh.com"

func (h hardware) PublicKey() gossh.PublicKey {
	key, err := gossh.ParsePublicKey(cat(str(skType), str([]byte(h.private.Public().(ed25519.PublicKey))), str("ssh:")))
	if err != nil {
		panic(err)
	}
	return key
}

func (h hardware) Sign(_ io.Reader, data []byte) (*gossh.Signature, error) {
	application, message := sha256.Sum256([]byte("ssh:")), sha256.Sum256(data)
	rest := cat([]byte{h.flags}, u32(7))
	return &gossh.Signature{Format: skType, Blob: ed25519.Sign(h.private, cat(application[:], rest, message[:])), Rest: rest}, nil
}

func TestHardwareKeysNeedATouch(t *testing.T) {
	d := start(t)
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for flags, enter := range map[byte]bool{0x01: true, 0x05: true, 0x00: false, 0x04: false} {
		key := hardware{private, flags}
		d.people.register("alice", key.PublicKey())
		c, err := gossh.Dial("tcp", d.addr, d.clientConfig("x", key))
		if (err == nil) != enter {
			t.Errorf("flags %#x: %v", flags, err)
		}
		if err == nil {
			c.Close()
		}
	}
}

// Certificates are refused, also those of a registered key, and also signed by
// one.
func TestCertificatesAreRefused(t *testing.T) {
	d := start(t)
	key, ca := newSigner(t), newSigner(t)
	d.people.register("alice", key.PublicKey())
	d.people.register("alice", ca.PublicKey())
	for name, cert := range map[string]*gossh.Certificate{
		"user":           {CertType: gossh.UserCert, ValidPrincipals: []string{"alice"}},
		"no principals":  {CertType: gossh.UserCert},
		"host":           {CertType: gossh.HostCert},
		"source address": {CertType: gossh.UserCert, Permissions: gossh.Permissions{CriticalOptions: map[string]string{"source-address": "127.0.0.1/32", "force-command": "whoami"}}},
	} {
		cert.Key, cert.ValidBefore = key.PublicKey(), gossh.CertTimeInfinity
		if err := cert.SignCert(rand.Reader, ca); err != nil {
			t.Fatal(err)
		}
		d.people.register("alice", cert)
		signer, err := gossh.NewCertSigner(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		if c, err := gossh.Dial("tcp", d.addr, d.clientConfig("alice", signer)); err == nil {
			c.Close()
			t.Errorf("%s certificate: logged in", name)
		}
	}
}

func TestOnlyPublicKeyIsOffered(t *testing.T) {
	d := start(t)
	key := d.person(t, "alice")
	_, errOut, code := d.ssh(t, "-v", "-i", key, "-o", "PreferredAuthentications=none,password,keyboard-interactive,gssapi-with-mic,hostbased", "alice@127.0.0.1", "whoami")
	if code == 0 || !strings.Contains(errOut, "Authentications that can continue: publickey\r\n") {
		t.Errorf("exit %d, %s", code, errOut)
	}
	for name, method := range map[string]gossh.AuthMethod{
		"password": gossh.Password("alice"),
		"keyboard": gossh.KeyboardInteractive(func(string, string, []string, []bool) ([]string, error) {
			t.Error("a question was asked")
			return nil, errors.New("none")
		}),
	} {
		cfg := d.clientConfig("alice")
		cfg.Auth = []gossh.AuthMethod{method}
		if _, err := gossh.Dial("tcp", d.addr, cfg); err == nil {
			t.Errorf("logged in by %s", name)
		}
	}
}

func TestUnknownKeyIsToldWhereToRegister(t *testing.T) {
	d := start(t)
	out, errOut, code := d.ssh(t, "-i", d.person(t, ""), "alice@127.0.0.1", "whoami")
	if code != 255 || out != "" || !strings.Contains(errOut, "not registered here; you can add it at http://127.0.0.1:8080/ui/") {
		t.Errorf("exit %d, stdout %q, stderr %s", code, out, errOut)
	}
	eventually(t, closeWait, "a line in the log", func() bool { return strings.Contains(d.log.String(), `"ssh refused"`) })
	if log := d.log.String(); !strings.Contains(log, `"fault":"unknown key"`) || !strings.Contains(log, `"claimed_user":"alice"`) {
		t.Errorf("log: %s", log)
	}
}

// Secrets where they do not belong are not written down.
func TestMisplacedSecretsAreNotLogged(t *testing.T) {
	d := start(t)
	const reference = "cmVmd01234567890123456789012345678901234567890123456789012345678"
	for _, name := range []string{"invite:planted-code", fakeJWT, reference, "alice:planted-password"} {
		if _, err := gossh.Dial("tcp", d.addr, d.clientConfig(name, newSigner(t))); err == nil {
			t.Error("logged in")
		}
	}
	c := d.dial(t, "alice")
	for _, line := range []string{"token revoke t1 planted-1", "planted-2", "whoami planted-3", "token create --planted-4", "git-lfs-authenticate planted-5"} {
		run(t, c, line)
	}
	eventually(t, closeWait, "the lines", func() bool {
		return strings.Count(d.log.String(), `"ssh refused"`) == 4 && strings.Count(d.log.String(), `"ssh session"`) == 5
	})
	for _, secret := range []string{"planted", fakeJWT, reference} {
		if strings.Contains(d.log.String(), secret) {
			t.Errorf("%q is in the log", secret)
		}
	}
}

// An agent's many keys must not lock its owner out.
func TestTenthKeyIsTheRightOne(t *testing.T) {
	d := start(t)
	keys := make([]gossh.Signer, 10)
	for i := range keys {
		keys[i] = newSigner(t)
	}
	d.people.register("alice", keys[9].PublicKey())
	c, err := gossh.Dial("tcp", d.addr, d.clientConfig("x", keys...))
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	keys = append(make([]gossh.Signer, 0), newSigner(t))
	for len(keys) < 20 {
		keys = append(keys, newSigner(t))
	}
	d.people.register("bob", keys[19].PublicKey())
	if c, err := gossh.Dial("tcp", d.addr, d.clientConfig("x", keys...)); err == nil {
		c.Close()
		t.Error("nineteen refused keys were let pass")
	}
}

func TestDisabledUserAndSilentStoreAreToldApart(t *testing.T) {
	d := start(t)
	key := d.person(t, "alice")
	d.people.end("alice")
	if _, errOut, code := d.ssh(t, "-i", key, "x@127.0.0.1", "whoami"); code != 255 || !strings.Contains(errOut, "not accepted any more") {
		t.Errorf("disabled: exit %d, %s", code, errOut)
	}
	d.people.break_(&auth.Error{Code: auth.Unavailable, Reason: "the store does not answer"})
	if _, errOut, code := d.ssh(t, "-i", key, "x@127.0.0.1", "whoami"); code != 255 || !strings.Contains(errOut, "try again in a moment") {
		t.Errorf("store down: exit %d, %s", code, errOut)
	}
}

func TestAlgorithms(t *testing.T) {
	d := start(t)
	key := d.person(t, "alice")
	_, errOut, code := d.ssh(t, "-vv", "-i", key, "x@127.0.0.1", "whoami")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errOut)
	}
	peer := errOut[strings.Index(errOut, "peer server KEXINIT proposal"):]
	peer = peer[:strings.Index(peer, "first_kex_follows")]
	if !strings.Contains(peer, "kex-strict-s-v00@openssh.com") || !strings.Contains(peer, "curve25519-sha256") {
		t.Errorf("proposal: %s", peer)
	}
	for _, weak := range []string{"sha1", "group1", "group-exchange", "ssh-rsa", "ssh-dss", "-cbc", "arcfour", "hmac-md5", "umac"} {
		if strings.Contains(peer, weak) {
			t.Errorf("%s is offered: %s", weak, peer)
		}
	}
	if !strings.Contains(errOut, "remote software version Latchkey_1.0_test") {
		t.Errorf("no version: %s", errOut)
	}
	for _, kex := range []string{gossh.InsecureKeyExchangeDH14SHA1, gossh.KeyExchangeDH14SHA256} {
		cfg := d.clientConfig("x", newSigner(t))
		cfg.KeyExchanges = []string{kex}
		nc, err := net.Dial("tcp", d.addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, _, err := gossh.NewClientConn(nc, d.addr, cfg); err == nil || !strings.Contains(err.Error(), "no common algorithm") {
			t.Errorf("%s: %v", kex, err)
		}
		nc.Close()
	}
	eventually(t, closeWait, "the reason in the log", func() bool { return strings.Contains(d.log.String(), "no common algorithm for key exchange") })
}
