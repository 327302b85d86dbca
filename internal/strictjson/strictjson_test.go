package strictjson_test

import (
	"testing"

	"github.com/latchkey-io/latchkey/internal/strictjson"
)

type sample struct {
	Name   string   `json:"name"`
	Groups []string `json:"groups"`
	Admin  *bool    `json:"admin"`
}

// What a loose reading takes more than the strict one, and what it still
// refuses. The strict one is tested where requests are read.
func TestLooseReading(t *testing.T) {
	loose := strictjson.Options{AllowUnknown: true, AllowNull: true}
	for _, c := range []struct {
		name, body string
		strict, ok bool
	}{
		{"plain", `{"name":"a"}`, true, true},
		{"unknown key", `{"name":"a","job_id":"7"}`, false, true},
		{"unknown object", `{"name":"a","x":{"y":{"z":1}}}`, false, true},
		{"null", `{"name":"a","groups":null,"admin":null}`, false, true},
		{"null in an unknown list", `{"x":[null]}`, false, true},
		{"a known key in other letters", `{"Name":"a"}`, false, false},
		{"a key that folds onto a known one", "{\"groupſ\":[]}", false, false},
		{"twice", `{"name":"a","name":"b"}`, false, false},
		{"an unknown key twice", `{"x":1,"x":2}`, false, false},
		{"too deep", `{"x":[[[[1]]]]}`, false, false},
		{"behind the object", `{"name":"a"} {}`, false, false},
		{"not UTF-8", "{\"name\":\"\xff\"}", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s, l sample
			if err := strictjson.Decode([]byte(c.body), &s, strictjson.Options{}); (err == nil) != c.strict {
				t.Errorf("strictly: %v", err)
			}
			if err := strictjson.Decode([]byte(c.body), &l, loose); (err == nil) != c.ok {
				t.Errorf("loosely: %v", err)
			}
		})
	}
}
