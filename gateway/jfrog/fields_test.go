package jfrog_test

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway/jfrog"
)

const (
	typeJSON = "application/json"
	typeForm = "application/x-www-form-urlencoded"
)

func readRequest(media, body string) (any, error) {
	r := httptest.NewRequest("POST", "/access/api/v1/tokens", strings.NewReader(body))
	if media != "" {
		r.Header.Set("Content-Type", media)
	}
	return jfrog.ReadTokenRequest(httptest.NewRecorder(), r)
}

// A form and a JSON object that say the same are read as the same.
func TestFieldsOfFormAndJSON(t *testing.T) {
	t.Parallel()
	for form, object := range map[string]string{
		"": `{}`,
		"username=&scope=&expires_in=&refreshable=&project_key=": `{"project_key":"","username":null}`,
		"username=alice&expires_in=3600":                         `{"username":"alice","expires_in":3600}`,
		"refreshable=True&include_reference_token=false":         `{"refreshable":true,"include_reference_token":false}`,
		"expires_in=0&description=a%20b%2Bc+d%26%3D":             `{"expires_in":0,"description":"a b+c d&="}`,
		"expires_in=-5": `{"expires_in":-5}`,
		"scope=member-of-groups%3A*&audience=*@*&force_revocable=TRUE":             `{"scope":"member-of-groups:*","audience":"*@*","force_revocable":true}`,
		"grant_type=refresh_token&refresh_token=x&access_token=y&refreshable=true": `{"grant_type":"refresh_token","refresh_token":"x","access_token":"y","refreshable":true}`,
		"description=%C3%A9%E2%82%AC":                                              `{"description":"é€"}`,
	} {
		a, err := readRequest(typeForm, form)
		if err != nil {
			t.Errorf("%q: %v", form, err)
			continue
		}
		for _, media := range []string{typeJSON, "application/json; charset=UTF-8", "application/vnd.org.jfrog.token+json"} {
			b, err := readRequest(media, object)
			if err != nil || !reflect.DeepEqual(a, b) {
				t.Errorf("%q is %+v, %s is %+v, %v", form, a, object, b, err)
			}
		}
	}
	if _, err := readRequest("", ""); err != nil {
		t.Errorf("no body: %v", err)
	}
}

func TestFieldsRefused(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ media, body string }{
		{"", "{}"}, {"text/plain", "{}"}, {"multipart/form-data; boundary=x", "--x--"}, {typeJSON + ", " + typeForm, "{}"},
		{typeJSON + "; charset=latin1", "{}"}, {typeForm + "; charset=utf-16", "a=b"},
		{typeJSON, ""}, {typeJSON, "[]"}, {typeJSON, `"x"`}, {typeJSON, "{}{}"}, {typeJSON, "{"}, {typeJSON, "username=alice"},
		{typeJSON, `{"scop":"x"}`}, {typeJSON, `{"Scope":"x"}`}, {typeJSON, `{"\u017fcope":"x"}`},
		{typeJSON, `{"scope":"a","scope":"b"}`}, {typeJSON, `{"scope":"a","sco\u0070e":"a"}`},
		{typeJSON, `{"scope":["a"]}`}, {typeJSON, `{"scope":1}`}, {typeJSON, `{"username":{"a":"b"}}`}, {typeJSON, "{\"scope\":\"\xff\"}"},
		{typeJSON, `{"expires_in":"3600"}`}, {typeJSON, `{"expires_in":1e3}`}, {typeJSON, `{"expires_in":1.5}`}, {typeJSON, `{"expires_in":3600.0}`},
		{typeJSON, `{"expires_in":9223372036854775808}`}, {typeJSON, `{"expires_in":-9223372036854775809}`}, {typeJSON, `{"expires_in":true}`}, {typeJSON, `{"expires_in":0x10}`}, {typeJSON, `{"expires_in":010}`},
		{typeJSON, `{"refreshable":"true"}`}, {typeJSON, `{"refreshable":1}`},
		{typeForm, "scop=x"}, {typeForm, "Scope=x"}, {typeForm, "scope=a&scope=b"}, {typeForm, "scope=a&scope=a"}, {typeForm, "scope=a&sco%70e=a"},
		{typeForm, "scope=a;expires_in=3"}, {typeForm, "scope=%zz"}, {typeForm, "scope=%ff"}, {typeForm, "=x"}, {typeForm, `{"scope":"x"}`},
		{typeForm, "expires_in=1e3"}, {typeForm, "expires_in=1.5"}, {typeForm, "expires_in=+5"}, {typeForm, "expires_in=%205"}, {typeForm, "expires_in=007"}, {typeForm, "expires_in=0x10"},
		{typeForm, "expires_in=9223372036854775808"}, {typeForm, "expires_in=-0"}, {typeForm, "expires_in=never"}, {typeForm, "expires_in=1_000"},
		{typeForm, "refreshable=1"}, {typeForm, "refreshable=yes"}, {typeForm, "refreshable=true&refreshable=false"},
	} {
		_, err := readRequest(row.media, row.body)
		if auth.CodeOf(err) != auth.Invalid {
			t.Errorf("%s %q: %v", row.media, row.body, err)
		}
	}
	for _, media := range []string{typeJSON, typeForm} {
		if _, err := readRequest(media, strings.Repeat("x", 65<<10)); err == nil || auth.CodeOf(err) == auth.Invalid {
			t.Errorf("%s of 65 KiB: %v", media, err)
		}
	}
}

// What people get wrong when they type a call, and what they are told.
func TestFieldsRefusedInWords(t *testing.T) {
	t.Parallel()
	secret := "AKCp8" + strings.Repeat("x", 68)
	for body, want := range map[string]string{
		"scop=x":                "the field scop is not known here",
		`{"scope":"x"}`:         "send it as Content-Type: application/json",
		` {"expires_in":3600}`:  "send it as Content-Type: application/json",
		secret:                  "the body has a field that is not known here",
		"a-b=c":                 "the body has a field that is not known here",
		"username=a&username=b": "username is given more than once",
	} {
		_, err := readRequest(typeForm, body)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", body, err, want)
		}
	}
}

// FuzzFields: what a form says is read, or refused, as the JSON object is that
// it is written as; no value is repeated in a refusal.
func FuzzFields(f *testing.F) {
	for _, seed := range []string{"", "scope=a&expires_in=5&refreshable=True", "description=%00%ff", "a=b&&=", "expires_in=-1", "scope=%EF%BF%BD"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		got, err := readRequest(typeForm, body)
		object, asJSON := jfrog.FormObject(body)
		if asJSON != nil {
			if err == nil {
				t.Errorf("%q is read as %+v and is no object: %v", body, got, asJSON)
			}
			return
		}
		if !json.Valid(object) {
			t.Fatalf("%q is written as %q", body, object)
		}
		want, other := readRequest(typeJSON, string(object))
		if (err == nil) != (other == nil) || err == nil && !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, %v; %q: %+v, %v", body, got, err, object, want, other)
		}
	})
}

// FuzzFilter: a filter is refused as a whole or filters all that it says.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{"", "username=alice", "description=ci*&refreshable=true", "username=&description=&refreshable=", "description=c*i", "a=b", "username=A&username=b", "%zz", ";"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		got, err := jfrog.ReadFilter(query)
		if err != nil {
			if auth.CodeOf(err) != auth.Invalid || got != (auth.TokenFilter{}) {
				t.Errorf("%q: %+v, %v", query, got, err)
			}
			return
		}
		said, err := url.ParseQuery(query)
		if err != nil {
			t.Fatalf("%q: %v", query, err)
		}
		refreshable := ""
		if got.Refreshable != nil {
			refreshable = strconv.FormatBool(*got.Refreshable)
		}
		if len(said["username"]) > 1 || strings.ToLower(said.Get("username")) != got.Owner || said.Get("description") != got.Description || said.Get("refreshable") != refreshable {
			t.Errorf("%q is read as %+v", query, got)
		}
		if strings.Contains(strings.TrimSuffix(got.Description, "*"), "*") {
			t.Errorf("%q is a pattern that is none", query)
		}
	})
}
