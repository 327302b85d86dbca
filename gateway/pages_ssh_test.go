package gateway_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/latchkey-io/latchkey/auth"
)

const sshURL = "/ui/profile/ssh"

// TestSSHKeysPage: a key is added, told of and deleted.
func TestSSHKeysPage(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	in := h.browser(h.signIn("alice", alicePassword))
	h.do("GET", sshURL, nil, navigate, in).is(http.StatusOK).
		holds("You have no SSH keys.", ">Locked<", "ssh -p 2222 door.example whoami", "ssh://git@door.example:2222/lfs/team/assets").lacks(`name="key"`)
	h.submit("/ui/profile/unlock", url.Values{"password": {alicePassword}}, in).is(http.StatusSeeOther)
	h.do("GET", sshURL, nil, navigate, in).is(http.StatusOK).holds("data-drop", "ssh-keygen -t ed25519", "ssh-rsa with at least 2048 bits")

	line := ed25519Line(t)
	h.follows(h.submit(sshURL, url.Values{"key": {line + "\r\n"}, "title": {""}, "expires": {""}}, in), in).
		holds("The SSH key is added.", "alice@laptop", "ssh-ed25519", "SHA256:", "never used", "Does not end by itself.")
	day := time.Now().UTC().Add(3 * 24 * time.Hour).Format(time.DateOnly)
	h.follows(h.submit(sshURL, url.Values{"key": {ed25519Line(t)}, "title": {`"><svg onload=alert(1)>`}, "expires": {day}}, in), in).
		holds("&lt;svg onload", "expires in ").lacks("<svg onload")
	keys := h.do("GET", v1+"/me/sshkeys", nil, basic("alice", alicePassword)).is(http.StatusOK).items()
	if ends, _ := keys[1]["expires"].(string); !strings.HasSuffix(ends, "T00:00:00Z") || len(keys) != 2 {
		t.Errorf("%v", keys)
	}

	id := keys[0]["id"].(string)
	h.do("GET", sshURL+"/"+id+"/delete", nil, navigate, in).is(http.StatusOK).holds("Delete “alice@laptop”?", strings.ReplaceAll(keys[0]["fingerprint"].(string), "+", "&#43;"), "opens nothing from then on")
	eve := h.unlocked("eve", evePassword)
	h.follows(h.do("GET", sshURL+"/"+id+"/delete", nil, navigate, eve), eve).holds("was deleted already").lacks("alice@laptop")
	h.submit(sshURL+"/"+id+"/delete", nil, eve).is(http.StatusSeeOther)
	h.follows(h.submit(sshURL+"/"+id+"/delete", nil, in), in).holds("The SSH key is deleted.").lacks("alice@laptop")
	h.follows(h.submit(sshURL+"/"+id+"/delete", nil, in), in).holds("was deleted already")
}

// rsaLine is an RSA key of so many bits, which nobody could use.
func rsaLine(t *testing.T, bits uint) string {
	t.Helper()
	n := new(big.Int).SetBit(big.NewInt(1), int(bits)-1, 1)
	key, err := ssh.NewPublicKey(&rsa.PublicKey{N: n, E: 65537})
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}

// TestSSHKeyRefused says precisely what is wrong, and shows no private key
// again.
func TestSSHKeyRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	in := h.unlocked("alice", alicePassword)
	mine, eves := ed25519Line(t), ed25519Line(t)
	h.submit(sshURL, url.Values{"key": {mine}, "title": {"laptop"}, "expires": {""}}, in).is(http.StatusSeeOther)
	h.submit(sshURL, url.Values{"key": {eves}, "title": {""}, "expires": {""}}, h.unlocked("eve", evePassword)).is(http.StatusSeeOther)

	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	privateText := string(pem.EncodeToMemory(block))
	inside := strings.Split(privateText, "\n")[2]
	h.secret.texts = append(h.secret.texts, inside)
	public := ed25519Line(t)

	for name, row := range map[string]struct {
		key, said string
		kept      bool // what was typed stays
		status    int
	}{
		"nothing":           {" ", "The key is empty; paste the line of your .pub file.", false, http.StatusBadRequest},
		"text":              {"hello there", "This is not a public key line (it looks like: ssh-ed25519 AAAA… comment).", false, http.StatusBadRequest},
		"private":           {privateText, "This is a private key; keep it secret, and paste the line of the .pub file.", false, http.StatusBadRequest},
		"private, in CRLF":  {strings.ReplaceAll(privateText, "\n", "\r\n"), "This is a private key", false, http.StatusBadRequest},
		"both halves":       {public + "\r\n" + privateText, "This is a private key", false, http.StatusBadRequest},
		"private, of PuTTY": {"PuTTY-User-Key-File-3: ssh-ed25519\r\nPrivate-Lines: 1\r\n" + inside, "This is a private key", false, http.StatusBadRequest},
		"private, inside":   {inside, "This is not a public key line", false, http.StatusBadRequest},
		"RFC 4716":          {"---- BEGIN SSH2 PUBLIC KEY ----\r\nAAAA\r\n---- END SSH2 PUBLIC KEY ----", "ssh-keygen -i -f FILE", false, http.StatusBadRequest},
		"PKCS 8":            {"-----BEGIN PUBLIC KEY-----\r\nAAAA\r\n-----END PUBLIC KEY-----", "ssh-keygen -i -m PKCS8 -f FILE", false, http.StatusBadRequest},
		"two":               {public + "\r\n" + public, "One key at a time, in one line", true, http.StatusBadRequest},
		"a part":            {public[:40], "This ssh-ed25519 key is not whole", true, http.StatusBadRequest},
		"options":           {`command="ls" ` + public, "Options before the key (command) are not supported", true, http.StatusBadRequest},
		"weak":              {rsaLine(t, 1024), "This RSA key has 1024 bits; 2048 to 8192 are accepted", true, http.StatusBadRequest},
		"mine already":      {mine, "This key is registered already, as laptop.", true, http.StatusConflict},
		"somebody else's":   {eves, "This key belongs to another account; use a key of your own for each account.", true, http.StatusConflict},
	} {
		a := h.submit(sshURL, url.Values{"key": {row.key}, "title": {"as typed"}, "expires": {""}}, in).is(row.status).
			holds(row.said, `id="key-problem"`, `value="as typed"`).lacks(inside)
		if _, typed, _ := strings.Cut(a.body, "<textarea"); row.kept && !strings.Contains(typed, " AAAA") {
			t.Errorf("%s: what was typed is lost", name)
		}
		a.lacks(">eve<", " eve", "eve@")
	}
	h.submit(sshURL, url.Values{"key": {public}, "title": {""}, "expires": {"2020-01-01"}}, in).is(http.StatusBadRequest).holds("That day is over", `id="expires-problem"`)
	h.submit(sshURL, url.Values{"key": {rsaLine(t, 2048)}, "title": {"old"}, "expires": {""}}, in).is(http.StatusSeeOther)

	// Locked meanwhile: the form asks for the password and loses nothing.
	h.submit("/ui/profile/lock", nil, in).is(http.StatusSeeOther)
	form := url.Values{"key": {public}, "title": {"new"}, "expires": {""}}
	h.submit(sshURL, form, in).is(http.StatusForbidden).holds("locked itself meanwhile", `name="password"`, strings.ReplaceAll(public, "+", "&#43;"))
	form.Set("password", alicePassword)
	h.follows(h.submit(sshURL, form, in), in).holds("The SSH key is added.")
}

// TestSSHKeysOfAFixedProfile can be deleted and not added.
func TestSSHKeysOfAFixedProfile(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{noSSH: true})
	in := h.unlocked("alice", alicePassword)
	h.submit(sshURL, url.Values{"key": {ed25519Line(t)}, "title": {"laptop"}, "expires": {""}}, in).is(http.StatusSeeOther)
	no := false
	if _, err := h.auth.Users.Update(t.Context(), h.admin, "alice", auth.UserChange{MayUpdateProfile: &no}); err != nil {
		t.Fatal(err)
	}
	h.do("GET", sshURL, nil, navigate, in).is(http.StatusOK).
		holds("laptop", "kept by the administrators", "SSH is switched off on this server", ">Delete<").lacks(`name="key"`, "whoami")
	h.submit(sshURL, url.Values{"key": {ed25519Line(t)}, "title": {""}, "expires": {""}}, in).is(http.StatusForbidden).holds("kept by the administrators")
	id := h.do("GET", v1+"/me/sshkeys", nil, basic("alice", alicePassword)).is(http.StatusOK).items()[0]["id"].(string)
	h.follows(h.submit(sshURL+"/"+id+"/delete", nil, in), in).holds("The SSH key is deleted.")
}
