package sshd_test

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"math/big"
	"net"
	"os"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"
)

const closeWait = 10 * time.Second

func readFile(path string) ([]byte, error) { return os.ReadFile(path) }

// wire is an SSH client without manners: it sends what it is told to. It speaks
// curve25519-sha256 and aes128-gcm only.
type wire struct {
	t       *testing.T
	c       net.Conn
	r       *bufio.Reader
	seal    cipher.AEAD
	open    cipher.AEAD
	sealIV  []byte
	openIV  []byte
	session []byte
}

func str[T string | []byte](s T) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(s))), s...)
}

func cat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func u32(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

func (w *wire) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *wire) send(payload []byte) error {
	block, counted := 8, 4
	if w.seal != nil {
		block, counted = 16, 0
	}
	pad := block - (counted+1+len(payload))%block
	if pad < 4 {
		pad += block
	}
	plain := cat([]byte{byte(pad)}, payload, make([]byte, pad))
	length := u32(uint32(len(plain)))
	if w.seal != nil {
		plain = w.seal.Seal(nil, w.sealIV, plain, length)
		count(w.sealIV)
	}
	_, err := w.c.Write(cat(length, plain))
	return err
}

func (w *wire) recv() ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(w.r, length[:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint32(length[:]))
	if w.open != nil {
		n += w.open.Overhead()
	}
	packet := make([]byte, n)
	if _, err := io.ReadFull(w.r, packet); err != nil {
		return nil, err
	}
	if w.open != nil {
		var err error
		if packet, err = w.open.Open(nil, w.openIV, packet, length[:]); err != nil {
			return nil, err
		}
		count(w.openIV)
	}
	return packet[1 : len(packet)-int(packet[0])], nil
}

func count(iv []byte) { binary.BigEndian.PutUint64(iv[4:], binary.BigEndian.Uint64(iv[4:])+1) }

// expect reads until a packet of the type comes.
func (w *wire) expect(kind byte) []byte {
	w.t.Helper()
	for {
		p, err := w.recv()
		w.must(err)
		if p[0] == kind {
			return p
		}
		if p[0] == 51 && kind != 51 || p[0] == 1 {
			w.t.Fatalf("got message %d (%q), want %d", p[0], p, kind)
		}
	}
}

// rawConnect goes as far as the key exchange.
func rawConnect(t *testing.T, addr string) *wire {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	w := &wire{t: t, c: c, r: bufio.NewReader(c)}
	const mine = "SSH-2.0-raw"
	_, err = io.WriteString(c, mine+"\r\n")
	w.must(err)
	theirs, err := w.r.ReadString('\n')
	w.must(err)
	theirs = theirs[:len(theirs)-2]

	myInit := cat([]byte{20}, make([]byte, 16), str("curve25519-sha256"), str("ssh-ed25519"),
		str("aes128-gcm@openssh.com"), str("aes128-gcm@openssh.com"), str("hmac-sha2-256-etm@openssh.com"), str("hmac-sha2-256-etm@openssh.com"),
		str("none"), str("none"), str(""), str(""), []byte{0}, u32(0))
	w.must(w.send(myInit))
	theirInit := w.expect(20)
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	w.must(err)
	q := key.PublicKey().Bytes()
	w.must(w.send(cat([]byte{30}, str(q))))
	reply := w.expect(31)
	var kex struct{ Host, Q, Sig []byte }
	rest := reply[1:]
	for _, to := range []*[]byte{&kex.Host, &kex.Q, &kex.Sig} {
		n := binary.BigEndian.Uint32(rest)
		*to, rest = rest[4:4+n], rest[4+n:]
	}
	theirQ, err := ecdh.X25519().NewPublicKey(kex.Q)
	w.must(err)
	shared, err := key.ECDH(theirQ)
	w.must(err)
	k := new(big.Int).SetBytes(shared).Bytes()
	if k[0]&0x80 != 0 {
		k = append([]byte{0}, k...)
	}
	secret := str(k)
	h := sha256.Sum256(cat(str(mine), str(theirs), str(myInit), str(theirInit), str(kex.Host), str(q), str(kex.Q), secret))
	w.session = h[:]
	derive := func(letter byte) []byte {
		d := sha256.Sum256(cat(secret, h[:], []byte{letter}, w.session))
		return d[:]
	}
	w.must(w.send([]byte{21}))
	w.expect(21)
	gcm := func(letter byte) cipher.AEAD {
		block, err := aes.NewCipher(derive(letter)[:16])
		w.must(err)
		a, err := cipher.NewGCM(block)
		w.must(err)
		return a
	}
	w.sealIV, w.openIV, w.seal, w.open = derive('A')[:12], derive('B')[:12], gcm('C'), gcm('D')
	return w
}

// rawLogin goes as far as the first attempt of a login.
func rawLogin(t *testing.T, addr string) *wire {
	t.Helper()
	w := rawConnect(t, addr)
	w.must(w.send(cat([]byte{5}, str("ssh-userauth"))))
	w.expect(6)
	return w
}

func attempt(user string, signed byte, key gossh.PublicKey) []byte {
	return cat([]byte{50}, str(user), str("ssh-connection"), str("publickey"), []byte{signed}, str(key.Type()), str(key.Marshal()))
}

// offer asks whether key would do, and wants a yes.
func (w *wire) offer(user string, key gossh.PublicKey) {
	w.t.Helper()
	w.must(w.send(attempt(user, 0, key)))
	w.expect(60)
}

// prove signs, and wants to be let in.
func (w *wire) prove(user string, key gossh.Signer) {
	w.t.Helper()
	request := attempt(user, 1, key.PublicKey())
	sig, err := key.Sign(rand.Reader, cat(str(w.session), request))
	w.must(err)
	w.must(w.send(cat(request, str(gossh.Marshal(sig)))))
	w.expect(52)
}

// openSession opens channel id with a window.
func (w *wire) openSession(id, window uint32) (theirs uint32) {
	w.t.Helper()
	w.must(w.send(cat([]byte{90}, str("session"), u32(id), u32(window), u32(1<<15))))
	return binary.BigEndian.Uint32(w.expect(91)[5:])
}

func (w *wire) request(channel uint32, kind string, payload []byte) {
	w.t.Helper()
	w.must(w.send(cat([]byte{98}, u32(channel), str(kind), []byte{1}, payload)))
}

// exec runs a command and returns its output.
func (w *wire) exec(line string) string {
	w.t.Helper()
	id := w.openSession(0, 1<<20)
	w.request(id, "exec", str(line))
	return string(w.expect(94)[9:])
}
