package seal_test

import (
	"encoding/base64"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/latchkey-io/latchkey/internal/seal"
)

// Which bytes below 0x80 give '-' or '_', and where: found by trying every byte
// at every place among every pair of neighbours, so that what is escaped in
// claims is neither too little nor a guess.
func TestASCIIBytesThatBase64URLWritesApart(t *testing.T) {
	apart := func(b []byte) bool { return strings.ContainsAny(base64.RawURLEncoding.EncodeToString(b), "-_") }
	culprits := make(map[byte]map[int]bool)
	for a := range byte(0x80) {
		for b := range byte(0x80) {
			for c := range byte(0x80) {
				if !apart([]byte{a, b, c}) {
					continue
				}
				// Whose fault it is: without that byte all is well.
				for at, culprit := range []byte{a, b, c} {
					text := []byte{a, b, c}
					if text[at] = 'A'; !apart(text) {
						if culprits[culprit] == nil {
							culprits[culprit] = make(map[int]bool)
						}
						culprits[culprit][at] = true
					}
				}
			}
		}
	}
	if len(culprits) != 4 {
		t.Errorf("%d bytes: %v", len(culprits), culprits)
	}
	for _, c := range []byte("~?>\x7f") {
		if len(culprits[c]) != 1 || !culprits[c][2] {
			t.Errorf("%q at %v, want the last of three alone", c, culprits[c])
		}
	}
}

// claimsWith are the claims of an access token with a text in each place where
// somebody's words may come to stand.
func claimsWith(text string) map[string]any {
	return map[string]any{
		"iss": "jfac@" + text, "sub": "jfac@" + text + "/users/" + text, "aud": []string{"*@*", text},
		"scp": "applied-permissions/groups:" + text + " artifact:" + text + "/**:r", "jti": text,
		"iat": int64(1800000000), "exp": int64(1900000000), "ext": `{"revocable":"true","` + text + `":1}`,
		"name": text, "email": text + "@example.com", "groups": []string{text},
		"https://id.example.com/" + text: map[string]string{text: text},
	}
}

// decodeAsClients decodes as JFrog's client does, and as JWTs are decoded; both
// must come to the same.
func decodeAsClients(t *testing.T, token, what string) map[string]any {
	t.Helper()
	payload := strings.Split(token, ".")[1]
	if strings.ContainsAny(payload, "-_") {
		t.Fatalf("%s: the payload has - or _", what)
	}
	text, err := base64.RawStdEncoding.DecodeString(payload)
	if err != nil || string(text) != string(segment(t, token, 1)) {
		t.Fatalf("%s: %v", what, err)
	}
	if !strings.Contains(string(text), `"exp":1900000000,`) || !strings.Contains(string(text), `"iat":1800000000,`) {
		t.Fatalf("%s: times are not as they were given: %s", what, text)
	}
	var back map[string]any
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	return back
}

func checkText(t *testing.T, use seal.Use, text string) {
	t.Helper()
	back := decodeAsClients(t, mustSign(t, use, "JWT", claimsWith(text)), text)
	in, ok := back["https://id.example.com/"+text].(map[string]any)
	if back["name"] != text || back["jti"] != text || back["iss"] != "jfac@"+text || back["email"] != text+"@example.com" || !ok || in[text] != text {
		t.Fatalf("%q came back as %v", text, back)
	}
}

// everyAlignment is a text in which c begins at each of three alignments,
// whatever it begins at itself.
func everyAlignment(c rune) string {
	var b strings.Builder
	for at := range 3 {
		for b.Len()%3 != at {
			b.WriteByte('a')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// Each byte of ASCII and each letter of Latin-1, alone, at each alignment, in
// each claim.
func TestClaimsOfEveryByteAtEveryAlignment(t *testing.T) {
	for c := rune(0); c <= 0xFF; c++ {
		checkText(t, seal.Quick, everyAlignment(c))
		for pad := range 3 {
			checkText(t, seal.Quick, strings.Repeat("a", pad)+string(c))
		}
	}
}

// Some of every script and category of Unicode, the first and last of each
// range among them, by both kinds of key.
func TestClaimsOfEveryScript(t *testing.T) {
	seen := make(map[rune]bool)
	var texts []string
	add := func(c rune) {
		if utf8.ValidRune(c) && !seen[c] {
			seen[c] = true
			texts = append(texts, everyAlignment(c))
		}
	}
	for _, tables := range []map[string]*unicode.RangeTable{unicode.Scripts, unicode.Categories} {
		for _, table := range tables {
			for _, r := range table.R16 {
				add(rune(r.Lo))
				add(rune(r.Hi))
			}
			for _, r := range table.R32 {
				add(rune(r.Lo))
				add(rune(r.Hi))
			}
		}
	}
	for plane := range rune(17) {
		add(plane<<16 | 0xFFFF)
	}
	for i, text := range texts {
		use := seal.Quick
		if i%64 == 0 {
			use = seal.Access
		}
		if i%8 == 0 { // the rest through the same encoder, many in one token
			checkText(t, use, text)
			continue
		}
		if i%8 == 1 {
			decodeAsClients(t, mustSign(t, use, "JWT", map[string]any{
				"exp": 1900000000, "iat": 1800000000, "x": strings.Join(texts[i:min(i+7, len(texts))], ""), "z": 0,
			}), text)
		}
	}
	if len(seen) < 2000 {
		t.Errorf("%d characters: the test tests little", len(seen))
	}
}

// Texts of anything at all, of any length, as the name of a claim too.
func TestClaimsOfRandomText(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 1000 {
		text := make([]rune, random.IntN(12))
		for i := range text {
			switch random.IntN(4) {
			case 0:
				text[i] = rune("~?>\x7f"[random.IntN(4)])
			case 1:
				text[i] = random.Int32N(0x80)
			default:
				text[i] = random.Int32N(unicode.MaxRune + 1)
			}
			if !utf8.ValidRune(text[i]) {
				text[i] = 'é'
			}
		}
		checkText(t, seal.Quick, string(text))
	}
}
