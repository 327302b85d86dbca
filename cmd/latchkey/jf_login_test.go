package main

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"golang.org/x/crypto/ssh"
)

// jfSSHURL is all that the CLI takes as an SSH URL. The slash at the end it
// adds by itself when the URL is set; a name before the host is part of it.
var jfSSHURL = regexp.MustCompile(`^ssh://([^:/]+)(?::([0-9]{2,}))?/$`)

// signIn is the CLI's login over SSH: as admin whoever it is, with one key in
// one connection, one command, one JSON object.
func (m *jfManager) signIn() error {
	parts := jfSSHURL.FindStringSubmatch(strings.TrimSuffix(m.j.sshURL, "/") + "/")
	if parts == nil {
		return fmt.Errorf("not an SSH URL: %s", m.j.sshURL)
	}
	addr := net.JoinHostPort(parts[1], cmp.Or(parts[2], "80"))
	if len(m.j.sshKeys) == 0 {
		return errors.New("no SSH key")
	}
	var out []byte
	var err error
	for _, key := range m.j.sshKeys { // those of an agent, then that of the file
		if out, err = jfAuthenticate(addr, key); err == nil {
			break
		}
	}
	if err != nil {
		return err
	}
	var answer struct {
		Href    string
		Headers map[string]string
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		return fmt.Errorf("SSH login: %w", err)
	}
	if !strings.HasSuffix(answer.Href, "/") {
		answer.Href += "/"
	}
	m.root, m.headers = answer.Href, answer.Headers
	if m.headers == nil {
		m.headers = map[string]string{}
	}
	m.j.logins.Add(1)
	return nil
}

func jfAuthenticate(addr string, key ssh.Signer) ([]byte, error) {
	c, err := ssh.Dial("tcp", addr, &ssh.ClientConfig{
		User: "admin", Auth: []ssh.AuthMethod{ssh.PublicKeys(key)}, HostKeyCallback: ssh.InsecureIgnoreHostKey(), Timeout: patience,
	})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	session, err := c.NewSession()
	if err != nil {
		return nil, err
	}
	defer session.Close()
	return session.Output("jfrog-authenticate") // an exit status that is not 0, or none, is an error
}

// jfClaims is what the CLI reads of a token.
type jfClaims struct {
	Subject string `json:"sub"`
	Expires int64  `json:"exp"`
	Issued  int64  `json:"iat"`
}

// readJFClaims reads a token as the CLI does: three parts, of which the second
// is decoded with the alphabet of ordinary base64, which is not that of JWTs.
func readJFClaims(token string) (c jfClaims, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return c, fmt.Errorf("a token has three parts, this one %d", len(parts))
	}
	payload, err := base64.RawStdEncoding.DecodeString(parts[1])
	if err != nil {
		return c, err
	}
	return c, json.Unmarshal(payload, &c)
}

// jfUserOf is the user name that the CLI finds in a token's subject.
func jfUserOf(subject string) string {
	if !strings.HasPrefix(subject, "jfrt@") && !strings.Contains(subject, "/users/") {
		return subject
	}
	slash := strings.LastIndexByte(subject, '/')
	if slash < 0 {
		return "" // with a warning
	}
	return subject[slash+1:]
}

// minutesLeft is 0 for a token that has ended, and for one without an end.
func (j *jf) minutesLeft(c jfClaims) int64 {
	return max(0, (c.Expires-j.now().Unix())/60)
}

// platformMinutes is how little may be left of a platform token before it is
// renewed: seven days once, now a tenth of its life within bounds.
func (j *jf) platformMinutes(c jfClaims) int64 {
	const least, most = 30, 7 * 24 * 60
	if !j.newThreshold {
		return most
	}
	return min(max((c.Expires-c.Issued)/10/60, least), most)
}

// authorize gives a request the credential of the moment, renewing it before.
func (m *jfManager) authorize(h http.Header) error {
	if m.headers != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		if err := m.renewSSH(); err != nil {
			return err
		}
		for name, value := range m.headers {
			h.Set(name, value)
		}
		return nil
	}
	j := m.j
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.artAccess != "":
		if err := j.renewPair(); err != nil {
			return err
		}
		h.Set("Authorization", "Bearer "+j.artAccess)
	case j.access != "":
		if err := j.renewPlatform(); err != nil {
			return err
		}
		h.Set("Authorization", "Bearer "+j.access)
	case j.password != "":
		h.Set("Authorization", basic(j.user, j.password))
	}
	return nil
}

// renewSSH looks the token up under the one spelling of its header, and signs
// in again when little of it is left.
func (m *jfManager) renewSSH() error {
	c, err := readJFClaims(strings.TrimPrefix(m.headers["Authorization"], "Bearer "))
	if err != nil {
		return fmt.Errorf("the token of the SSH login: %w", err)
	}
	m.j.mu.Lock()
	defer m.j.mu.Unlock()
	left := m.j.minutesLeft(c)
	if left > jfArtMinutes {
		return nil
	}
	if left > 0 {
		m.j.nap()
	}
	return m.signIn()
}

// jfPair is the answer of whatever hands tokens out.
type jfPair struct {
	ID        string `json:"token_id"`
	Access    string `json:"access_token"`
	Refresh   string `json:"refresh_token"`
	Reference string `json:"reference_token"`
	Expires   *int64 `json:"expires_in"`
	Scope     string `json:"scope"`
	Type      string `json:"token_type"`
	User      string `json:"username"`
}

func readJFPair(body string, err error) (p jfPair, _ error) {
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		return p, err
	}
	if p.Access == "" {
		return p, fmt.Errorf("no access_token in %q", body)
	}
	return p, nil
}

const asForm = "application/x-www-form-urlencoded"

// trade is what the first command after "jf config add" with a password does.
func (j *jf) trade() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.basicOnly || j.password == "" || j.artAccess != "" {
		return nil
	}
	return j.newPair()
}

func (j *jf) newPair() error {
	form := url.Values{"username": {j.user}, "scope": {"member-of-groups:*"}, "refreshable": {"true"}, "expires_in": {"3600"}}
	q := newJFRequest("POST", j.platform+"/artifactory/api/security/token", asForm, []byte(form.Encode()))
	q.header.Set("Authorization", basic(j.user, j.password))
	p, err := readJFPair(q.want(http.StatusOK))
	if err == nil {
		j.artAccess, j.artRefresh = p.Access, p.Refresh
		j.renewals++
	}
	return err
}

// renewPair renews Artifactory's pair without any credential but itself, and
// where that fails begins anew with the password.
func (j *jf) renewPair() error {
	c, err := readJFClaims(j.artAccess)
	if err != nil {
		return err
	}
	left := j.minutesLeft(c)
	if left > jfArtMinutes || j.artRefresh == "" {
		return nil
	}
	if left > 0 {
		j.nap()
	}
	form := url.Values{"grant_type": {"refresh_token"}, "access_token": {j.artAccess}, "refresh_token": {j.artRefresh}}
	q := newJFRequest("POST", j.platform+"/artifactory/api/security/token", asForm, []byte(form.Encode()))
	p, err := readJFPair(q.want(http.StatusOK))
	if err != nil {
		return j.newPair()
	}
	j.artAccess, j.artRefresh = p.Access, p.Refresh
	j.renewals++
	return nil
}

// renewPlatform renews a platform token by its refresh token, with the old
// token, ended or not, as the credential.
func (j *jf) renewPlatform() error {
	if j.refresh == "" {
		return nil
	}
	c, err := readJFClaims(j.access)
	if err != nil {
		return err
	}
	left := j.minutesLeft(c)
	if left > j.platformMinutes(c) {
		return nil
	}
	if left > 0 {
		j.nap()
	}
	body, err := json.Marshal(map[string]any{
		"grant_type": "refresh_token", "refreshable": true, "access_token": j.access, "refresh_token": j.refresh,
	})
	if err != nil {
		return err
	}
	q := newJFRequest("POST", j.platform+"/access/api/v1/tokens", asJSON, body)
	q.header.Set("Authorization", "Bearer "+j.access)
	p, err := readJFPair(q.want(http.StatusOK))
	if err != nil {
		return err
	}
	j.access, j.refresh = p.Access, p.Refresh
	j.renewals++
	return nil
}
