package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// addPassword is "jf config add" with a password: what the server answers,
// byte by byte, is the password from now on.
func (j *jf) addPassword(user, password string) error {
	user = strings.ToLower(user)
	q := newJFRequest("GET", j.platform+"/artifactory/api/security/encryptedPassword", "", nil)
	q.header.Set("Authorization", basic(user, password))
	body, err := q.want(http.StatusOK)
	if err == nil {
		j.user, j.password = user, body
	}
	return err
}

// isJFKey is how the CLI tells an API key from a token.
func isJFKey(secret string) bool { return strings.HasPrefix(secret, "AKCp8") && len(secret) >= 73 }

// addToken is "jf config add" with an access token, which asks nobody. An API
// key is a password to it, and needs a user name.
func (j *jf) addToken(user, token string) error {
	switch {
	case isJFKey(token) && user == "":
		return errors.New("an API key is no access token")
	case isJFKey(token):
		j.user, j.password, j.basicOnly = strings.ToLower(user), token, true
		return nil
	}
	if c, err := readJFClaims(token); err == nil {
		j.user = jfUserOf(c.Subject)
	}
	j.access = token
	return nil
}

// jfKey is an operation on the own API key: GET, POST, PUT or DELETE.
func (m *jfManager) jfKey(method string) (key string, err error) {
	want := http.StatusOK
	if method == "POST" {
		want = http.StatusCreated
	}
	body, err := m.do(method, "api/security/apiKey", "", nil, want)
	if err != nil || method == "DELETE" {
		return "", err
	}
	var answer struct{ APIKey string }
	err = json.Unmarshal([]byte(body), &answer)
	return answer.APIKey, err
}

// createOld is "jf rt access-token-create".
func (m *jfManager) createOld(form url.Values) (jfPair, error) {
	return readJFPair(m.do("POST", "api/security/token", asForm, []byte(form.Encode()), http.StatusOK))
}

// jfToken is a token as both lists show it.
type jfToken struct {
	ID          string `json:"token_id"`
	Issuer      string `json:"issuer"`
	Subject     string `json:"subject"`
	Expiry      int64  `json:"expiry"`
	Issued      int64  `json:"issued_at"`
	Refreshable bool   `json:"refreshable"`
	Description string `json:"description"`
}

func readJFTokens(body string, err error) ([]jfToken, error) {
	var list struct{ Tokens []jfToken }
	if err == nil {
		err = json.Unmarshal([]byte(body), &list)
	}
	return list.Tokens, err
}

// listOld is the library's list of tokens; of a user, those whose subject ends
// so.
func (m *jfManager) listOld(user string) (mine []jfToken, err error) {
	all, err := readJFTokens(m.do("GET", "api/security/token", "", nil, http.StatusOK))
	for _, t := range all {
		if user == "" || strings.HasSuffix(t.Subject, "/"+user) {
			mine = append(mine, t)
		}
	}
	return mine, err
}

// revokeOld revokes by token or token_id and gives the text of the answer.
func (m *jfManager) revokeOld(name, value string) (string, error) {
	return m.do("POST", "api/security/token/revoke", asForm, []byte(url.Values{name: {value}}.Encode()), http.StatusOK)
}

// platformCall is a request to Access, for which the CLI needs a token.
func (j *jf) platformCall(method, path string, in any, statuses ...int) (string, error) {
	var body []byte
	var err error
	contentType := ""
	if in != nil {
		contentType = asJSON
		if body, err = json.Marshal(in); err != nil {
			return "", err
		}
	}
	q := newJFRequest(method, j.platform+"/access/api/"+path, contentType, body)
	m := &jfManager{j: j}
	if err := m.authorize(q.header); err != nil {
		return "", err
	}
	if strings.HasPrefix(q.header.Get("Authorization"), "Basic ") {
		return "", errors.New("Access wants a token")
	}
	return q.want(statuses...)
}

// createToken is "jf access-token-create".
func (j *jf) createToken(in map[string]any) (jfPair, error) {
	return readJFPair(j.platformCall("POST", "v1/tokens", in, http.StatusOK))
}

func (j *jf) listTokens(query string) ([]jfToken, error) {
	return readJFTokens(j.platformCall("GET", "v1/tokens"+query, nil, http.StatusOK))
}

// exchange is "jf exchange-oidc-token", for which no credential is shown but
// the job's own.
func (j *jf) exchange(provider, token string) (jfPair, error) {
	body, err := json.Marshal(map[string]any{
		"grant_type":         "urn:ietf:params:oauth:grant-type:token-exchange",
		"subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
		"subject_token":      token, "provider_name": provider, "provider_type": "GitHub",
	})
	if err != nil {
		return jfPair{}, err
	}
	q := newJFRequest("POST", j.platform+"/access/api/v1/oidc/token", asJSON, body)
	p, err := readJFPair(q.want(http.StatusOK))
	if err == nil {
		j.user, j.access, j.refresh = p.User, p.Access, p.Refresh
	}
	return p, err
}

// jfUser is a user as the library sends and reads one.
type jfUser struct {
	Name     string   `json:"name,omitempty"`
	Email    string   `json:"email,omitempty"`
	Password string   `json:"password,omitempty"`
	Admin    *bool    `json:"admin,omitempty"`
	Groups   []string `json:"groups,omitempty"`
	Realm    string   `json:"realm,omitempty"`
}

// getUser gives nil for a user who does not exist, which is what 404 means.
func (m *jfManager) getUser(name string) (*jfUser, error) {
	body, err := m.do("GET", "api/security/users/"+name, "", nil, http.StatusOK)
	if jfStatus(err) == http.StatusNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	u := &jfUser{}
	return u, json.Unmarshal([]byte(body), u)
}

func (m *jfManager) createUser(u jfUser) error { return m.putUser("PUT", u) }
func (m *jfManager) updateUser(u jfUser) error { return m.putUser("POST", u) }

func (m *jfManager) putUser(method string, u jfUser) error {
	body, err := json.Marshal(u)
	if err != nil {
		return err
	}
	_, err = m.do(method, "api/security/users/"+u.Name, asJSON, body, http.StatusOK, http.StatusCreated)
	return err
}

func (m *jfManager) deleteUser(name string) error {
	_, err := m.do("DELETE", "api/security/users/"+name, "", nil, http.StatusOK)
	return err
}

func (m *jfManager) lockedUsers() (names []string, err error) {
	body, err := m.do("GET", "api/security/lockedUsers", "", nil, http.StatusOK)
	if err == nil {
		err = json.Unmarshal([]byte(body), &names)
	}
	return names, err
}

func (m *jfManager) unlockUser(name string) error {
	_, err := m.do("POST", "api/security/unlockUsers/"+name, "", nil, http.StatusOK)
	return err
}

// npmAuth is what "jf npm" asks for with a password: the lines for npm, of
// which it takes _auth.
func (m *jfManager) npmAuth() (auth string, err error) {
	body, err := m.do("GET", "api/npm/auth", "", nil, http.StatusOK)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(body) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "_auth"); ok {
			return strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(value), "=")), nil
		}
	}
	return "", fmt.Errorf("no _auth in %q", body)
}

const jfWebLogin = "/access/api/v2/authentication/jfrog_client_login/"

// beginWebLogin is "jf login" until it waits. The browser is sent to page.
func (j *jf) beginWebLogin(uuid string) (page string, err error) {
	ping := newJFRequest("GET", j.platform+"/artifactory/api/system/ping", "", nil)
	if _, err := ping.want(http.StatusOK); err != nil {
		return "", err
	}
	begin := newJFRequest("POST", j.platform+jfWebLogin+"request", asJSON, []byte(`{"session":"`+uuid+`"}`))
	if _, err := begin.want(http.StatusOK); err != nil {
		return "", err
	}
	return j.platform + "/ui/login?jfClientSession=" + uuid + "&jfClientName=JFrog-CLI&jfClientCode=1", nil
}

// pollWebLogin asks once; the CLI does every three seconds. 400 is: not yet.
func (j *jf) pollWebLogin(uuid string) (done bool, err error) {
	q := newJFRequest("GET", j.platform+jfWebLogin+"token/"+uuid, "", nil)
	p, err := readJFPair(q.want(http.StatusOK))
	if jfStatus(err) == http.StatusBadRequest {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	j.access, j.refresh = p.Access, p.Refresh
	c, err := readJFClaims(p.Access)
	j.user = jfUserOf(c.Subject)
	return err == nil, err
}
