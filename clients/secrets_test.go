//go:build clients

package clients_test

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"testing"
	"time"
)

// kind is a kind of secret.
type kind string

const (
	password       kind = "password"
	encrypted      kind = "encrypted-password"
	apiKey         kind = "api-key"
	accessToken    kind = "access-token"
	referenceToken kind = "reference-token"
	sshKey         kind = "ssh-key"
)

// What fits where (docs/credentials.md).
var (
	inBasic     = []kind{password, encrypted, apiKey, accessToken, referenceToken}
	inBearer    = []kind{apiKey, accessToken, referenceToken}
	inKeyHeader = []kind{apiKey, referenceToken}
)

// secrets are those of the one person, as they are now; of the SSH key, its file.
type secrets struct {
	now map[kind]string
}

func (s *secrets) make(t *testing.T, g *gate) {
	t.Helper()
	s.now = make(map[kind]string)
	g.do(t, "", "user", "create", person, "--email", "alice@example.com")
	g.newPassword(t)
	s.now[apiKey] = g.do(t, "", "apikey", "create", person)
	s.now[accessToken] = g.newToken(t).secret
	s.now[referenceToken] = g.newToken(t, "--reference").secret
	s.now[sshKey] = newSSHKey(t)
	g.do(t, "", "sshkey", "create", person, s.now[sshKey]+".pub")
	write(t, g.data("known_hosts"), g.do(t, "", "ssh", "known-hosts")+"\n")
}

// right is a secret that opens.
func (g *gate) right(t *testing.T, k kind) string {
	t.Helper()
	secret := g.secrets.now[k]
	if secret == "" {
		t.Fatalf("there is no %s", k)
	}
	return secret
}

// wrong is a secret that does not open: where its form allows, one that did a
// moment ago and has ended, a new one each time.
func (g *gate) wrong(t *testing.T, k kind) string {
	t.Helper()
	old := g.secrets.now[k]
	switch k {
	case password:
		return "wrong-" + rand.Text()
	case encrypted:
		g.newPassword(t)
	case apiKey:
		g.secrets.now[k] = g.do(t, "", "apikey", "rotate", person)
	case accessToken, referenceToken:
		var form []string
		if k == referenceToken {
			form = []string{"--reference"}
		}
		token := g.newToken(t, form...)
		g.do(t, "", "token", "revoke", token.id)
		return token.secret
	case sshKey:
		return newSSHKey(t)
	default:
		t.Fatalf("there is no wrong %s", k)
	}
	return old
}

// preparing is the User-Agent of requests that are no client's.
const preparing = "preparing"

// newPassword gives the person another password, and with it another encrypted
// password.
func (g *gate) newPassword(t *testing.T) {
	t.Helper()
	secret := rand.Text()
	g.do(t, secret, "user", "update", person, "--password-stdin")
	g.secrets.now[password] = secret

	req, err := http.NewRequestWithContext(t.Context(), "GET", g.url+"/artifactory/api/security/encryptedPassword", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(person, secret)
	req.Header.Set("User-Agent", preparing)
	trusted := x509.NewCertPool()
	if g.authority != nil {
		trusted.AddCert(g.authority.cert)
	}
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: trusted}}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text := readAll(t, resp.Body)
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("encryptedPassword: %s: %s", resp.Status, text)
	}
	g.secrets.now[encrypted] = string(text)
}

type token struct{ id, secret string }

func (g *gate) newToken(t *testing.T, more ...string) token {
	t.Helper()
	var answer struct {
		ID        string `json:"id"`
		Access    string `json:"access_token"`
		Reference string `json:"reference_token"`
	}
	text := g.do(t, "", append([]string{"token", "create", person, "--expires", "1h", "--json"}, more...)...)
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Reference != "" {
		return token{answer.ID, answer.Reference}
	}
	return token{answer.ID, answer.Access}
}
