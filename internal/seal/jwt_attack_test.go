package seal_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/latchkey-io/latchkey/internal/seal"
)

var b64 = base64.RawURLEncoding

func refused(t *testing.T, what, token string) {
	t.Helper()
	use, typ, payload, err := testRing().VerifyJWT(token)
	if err != seal.ErrJWT || use != "" || typ != "" || payload != nil {
		t.Errorf("%s: %q, %q, %q, %v", what, use, typ, payload, err)
	}
}

// publicKey is what anybody can fetch.
func publicKey(t *testing.T, u seal.Use) jose.JSONWebKey {
	t.Helper()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(testRing().PublicJWKS(u), &set); err != nil || len(set.Keys) != 1 {
		t.Fatal(err)
	}
	return set.Keys[0]
}

func header(alg, kid, more string) string {
	return fmt.Sprintf(`{"alg":%q,"kid":%q,"typ":"JWT","ver":"2"%s}`, alg, kid, more)
}

const evilClaims = `{"sub":"admin"}`

func unsigned(header, signature string) string {
	return b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString([]byte(evilClaims)) + "." + b64.EncodeToString([]byte(signature))
}

func TestTokenWithoutSignature(t *testing.T) {
	for _, u := range []seal.Use{seal.Access, seal.Quick} {
		kid := publicKey(t, u).KeyID
		for _, alg := range []string{"none", "None", "nOnE", "NONE", "", "null", "HS256", "RS256", "ES256"} {
			refused(t, alg+", no signature", unsigned(header(alg, kid, ""), ""))
			refused(t, alg+", a dot signature", unsigned(header(alg, kid, ""), "."))
			refused(t, alg+", zero signature", unsigned(header(alg, kid, ""), strings.Repeat("\x00", 64)))
			refused(t, alg+", zero signature", unsigned(header(alg, kid, ""), strings.Repeat("\x00", 256)))
		}
		good := mustSign(t, u, "JWT", nil)
		refused(t, "signature cut off", good[:strings.LastIndexByte(good, '.')+1])
		refused(t, "signature and dot cut off", good[:strings.LastIndexByte(good, '.')])
	}
}

// The public key as the secret of an HMAC, in every form a verifier might use.
func TestTokenSignedByHMACWithThePublicKey(t *testing.T) {
	for _, u := range []seal.Use{seal.Access, seal.Quick} {
		k := publicKey(t, u)
		pkix, err := x509.MarshalPKIXPublicKey(k.Key)
		if err != nil {
			t.Fatal(err)
		}
		secrets := [][]byte{
			pkix,
			pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pkix}),
			testRing().PublicJWKS(u),
			[]byte(k.KeyID),
			nil,
		}
		for i, secret := range secrets {
			for _, alg := range []string{"HS256", "RS256", "ES256"} {
				signing := b64.EncodeToString([]byte(header(alg, k.KeyID, ""))) + "." + b64.EncodeToString([]byte(evilClaims))
				mac := hmac.New(sha256.New, secret)
				mac.Write([]byte(signing))
				refused(t, fmt.Sprintf("%s with secret %d", alg, i), signing+"."+b64.EncodeToString(mac.Sum(nil)))
			}
		}
	}
}

func TestTokenOfAnotherKeyOrAlgorithm(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for alg, key := range map[jose.SignatureAlgorithm]crypto.Signer{
		jose.RS256: rsaKey, jose.RS384: rsaKey, jose.RS512: rsaKey, jose.PS256: rsaKey, jose.PS512: rsaKey,
		jose.ES256: p256, jose.ES384: p384,
	} {
		for _, u := range []seal.Use{seal.Access, seal.Quick, seal.Assertion} {
			opts := (&jose.SignerOptions{}).WithType("JWT").WithHeader("ver", "2").WithHeader("kid", publicKey(t, u).KeyID)
			signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, opts)
			if err != nil {
				t.Fatal(err)
			}
			jws, err := signer.Sign([]byte(evilClaims))
			if err != nil {
				t.Fatal(err)
			}
			token, err := jws.CompactSerialize()
			if err != nil {
				t.Fatal(err)
			}
			refused(t, fmt.Sprintf("%s of a stranger as %s", alg, u), token)

			opts.EmbedJWK = true
			if signer, err = jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, opts); err != nil {
				t.Fatal(err)
			}
			if jws, err = signer.Sign([]byte(evilClaims)); err != nil {
				t.Fatal(err)
			}
			if token, err = jws.CompactSerialize(); err != nil {
				t.Fatal(err)
			}
			refused(t, fmt.Sprintf("%s with its own jwk as %s", alg, u), token)
		}
	}
}

// A true signature under a header that was exchanged afterwards.
func TestTokenWithAnotherHeader(t *testing.T) {
	var kids []string
	for _, u := range []seal.Use{seal.Access, seal.Quick, seal.Assertion} {
		kids = append(kids, publicKey(t, u).KeyID)
	}
	for _, u := range []seal.Use{seal.Access, seal.Quick, seal.Assertion} {
		good := mustSign(t, u, "JWT", map[string]any{"sub": "alice"})
		was := string(segment(t, good, 0))
		_, rest, _ := strings.Cut(good, ".")
		for _, kid := range append(kids, "", "*", "../../dev/null", "' OR 1=1 --", "\x00", strings.Repeat("k", 64<<10)) {
			for _, alg := range []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256", "none"} {
				if h := header(alg, kid, ""); h != was {
					refused(t, "header "+alg+" "+kid[:min(len(kid), 50)], b64.EncodeToString([]byte(h))+"."+rest)
				}
			}
		}
	}
}

// Headers that mean the same to a lenient parser, or more, with a signature
// over the header as it is: only a holder of our key could make it, yet each is
// refused before the signature is looked at.
func TestTokenHeaderMustBeOurs(t *testing.T) {
	good := mustSign(t, seal.Quick, "JWT", map[string]any{"sub": "alice"})
	kid, rest := publicKey(t, seal.Quick).KeyID, good[strings.IndexByte(good, '.'):]
	if was := string(segment(t, good, 0)); was != header("ES256", kid, "") {
		t.Fatalf("header is %s", was)
	}
	for _, h := range []string{
		header("ES256", kid, `,"crit":["exp"]`),
		header("ES256", kid, `,"b64":false,"crit":["b64"]`),
		header("ES256", kid, `,"zip":"DEF"`),
		header("ES256", kid, `,"alg":"none"`),
		header("ES256", kid, `,"kid":"x"`),
		header("ES256", kid, `,"typ":"JWT"`),
		header("ES256", kid, `,"ALG":"none"`),
		header("ES256", kid, ` `),
		" " + header("ES256", kid, ""),
		header("ES256", kid, "") + "\n",
		header("ES256", kid, "") + "{}",
		`{"alg":"none",` + header("ES256", kid, "")[1:],
		`{"typ":"JWT","alg":"ES256","kid":"` + kid + `","ver":"2"}`,
		`{"alg":"ES256","kid":"` + kid + `","typ":"JWT"}`,
		`{"alg":"ES256","kid":"` + kid + `","typ":"","ver":"2"}`,
		`{"alg":"ES256","kid":"` + kid + `","typ":"J\u0057T","ver":"2"}`,
		`{"alg":["ES256"],"kid":"` + kid + `","typ":"JWT","ver":"2"}`,
		strings.ReplaceAll(header("ES256", kid, ""), ",", ", "),
		"", "{}", "null", "[]", "\xff", "\x00",
	} {
		refused(t, h, b64.EncodeToString([]byte(h))+rest)
	}
}

func TestTokenNamingAnAddressIsNotFetched(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	calls := make(chan net.Conn, 100)
	go func() {
		defer close(calls)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			calls <- c
		}
	}()
	good := mustSign(t, seal.Access, "JWT", nil)
	kid, rest := publicKey(t, seal.Access).KeyID, good[strings.IndexByte(good, '.'):]
	for _, name := range []string{"jku", "x5u", "jwk", "x5c", "iss"} {
		url := "http://" + l.Addr().String() + "/" + name
		h := header("RS256", kid, fmt.Sprintf(`,%q:%q`, name, url))
		refused(t, name, b64.EncodeToString([]byte(h))+rest)
		refused(t, "kid as address", b64.EncodeToString([]byte(header("RS256", url, "")))+rest)
	}
	l.Close()
	for range calls {
		t.Error("somebody called")
	}
}

func TestTokenWithAnyBitFlipped(t *testing.T) {
	for _, u := range []seal.Use{seal.Access, seal.Quick} {
		good := mustSign(t, u, "JWT", map[string]any{"sub": "alice"})
		for i := range len(good) * 8 {
			changed := []byte(good)
			changed[i/8] ^= 1 << (i % 8)
			refused(t, fmt.Sprintf("%s bit %d", u, i), string(changed))
		}
		for i := range good {
			if i%7 == 0 || i > len(good)-4 {
				refused(t, "a character less", good[:i]+good[i+1:])
				refused(t, "a character twice", good[:i]+good[i:i+1]+good[i:])
			}
		}
	}
}

func TestTokenWithStrayCharacters(t *testing.T) {
	good := mustSign(t, seal.Access, "JWT", map[string]any{"sub": "alice"})
	first, second := strings.IndexByte(good, '.'), strings.LastIndexByte(good, '.')
	for _, stray := range []string{"=", "==", " ", "\n", "\r\n", "\t", "\x00", ".", "..", "+", "/", "%", "é"} {
		for _, at := range []int{0, first, first + 1, second, second + 1, len(good), 10, second + 10} {
			refused(t, fmt.Sprintf("%q at %d", stray, at), good[:at]+stray+good[at:])
		}
	}
	refused(t, "with scheme", "Bearer "+good)
	refused(t, "twice", good+"."+good)
	parts := strings.Split(good, ".")
	full := fmt.Sprintf(`{"payload":%q,"protected":%q,"signature":%q}`, parts[1], parts[0], parts[2])
	refused(t, "JSON serialization", full)
	refused(t, "detached", parts[0]+".."+parts[2])
	for _, junk := range []string{"", ".", "..", "...", "a.b.c", "AA.AA.AA", "e30.e30.e30"} {
		refused(t, junk, junk)
	}
}

func TestEncryptedTokens(t *testing.T) {
	k := publicKey(t, seal.Access)
	enc, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.RSA_OAEP_256, Key: k.Key, KeyID: k.KeyID},
		&jose.EncrypterOptions{Compression: jose.DEFLATE})
	if err != nil {
		t.Fatal(err)
	}
	for _, plain := range []string{evilClaims, strings.Repeat("a", 1<<20)} {
		jwe, err := enc.Encrypt([]byte(plain))
		if err != nil {
			t.Fatal(err)
		}
		token, err := jwe.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		refused(t, "JWE", token)
		refused(t, "JWE of three parts", strings.Join(strings.Split(token, ".")[:3], "."))
	}
	refused(t, "PBES2 with a billion rounds",
		unsigned(`{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":1000000000,"p2s":"AAAA"}`, "x"))
}

func TestHugeTokensCostNothing(t *testing.T) {
	kid := publicKey(t, seal.Access).KeyID
	good := mustSign(t, seal.Access, "JWT", nil)
	tokens := map[string]string{
		"a million dots":    strings.Repeat(".", 1_000_000),
		"a header of 1 MB":  unsigned(header("RS256", kid, `,"x":"`+strings.Repeat("x", 1<<20)+`"`), "x"),
		"a header of 2 kB":  unsigned(header("RS256", kid, `,"x":"`+strings.Repeat("x", 2<<10)+`"`), "x"),
		"deep nesting":      unsigned(header("RS256", kid, `,"x":`+strings.Repeat("[", 500)), "x"),
		"a payload of 9 kB": good[:strings.IndexByte(good, '.')] + "." + strings.Repeat("A", 9<<10) + ".AA",
		"64 MB":             strings.Repeat("A", 64<<20),
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	for what, token := range tokens {
		refused(t, what, token)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("they took %v", took)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
		t.Errorf("they used %d bytes", used)
	}
}

func FuzzVerifyJWT(f *testing.F) {
	r := testRing()
	good := make(map[string]string) // payload by signed part
	for _, u := range []seal.Use{seal.Access, seal.Quick, seal.Assertion} {
		token := mustSign(f, u, "JWT", map[string]any{"sub": "alice", "exp": 1900000000})
		good[token[:strings.LastIndexByte(token, '.')]] = string(segment(f, token, 1))
		f.Add(token)
		f.Add(token[:len(token)-1])
		f.Add(strings.ReplaceAll(token, ".", ".."))
	}
	f.Add("")
	f.Add("e30.e30.e30")
	f.Add(unsigned(`{"alg":"none"}`, ""))
	f.Fuzz(func(t *testing.T, token string) {
		_, _, payload, err := r.VerifyJWT(token)
		if err != nil {
			if err != seal.ErrJWT || payload != nil {
				t.Fatalf("%q, %v", payload, err)
			}
			return
		}
		if want, ok := good[token[:strings.LastIndexByte(token, '.')]]; !ok || string(payload) != want {
			t.Fatalf("a forged token verified: %q", token)
		}
	})
}
