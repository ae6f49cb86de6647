// Files one declaration over HTTP and waits for its release, with the JDK alone (11 or newer):
//
//     java docs/examples/http/Basic.java docs/examples/import-9610.json
//
// SW_DATA_DIR says where the data of a sandbox is.

import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

public class Basic {
    static HttpClient http;
    static String address;
    static String key;

    public static void main(String[] arguments) throws Exception {
        Path data = Path.of(System.getenv("SW_DATA_DIR"));
        // snippet: connect
        KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
        trusted.load(null);
        try (InputStream pem = Files.newInputStream(data.resolve("identities/authority.pem"))) {
            trusted.setCertificateEntry("window", CertificateFactory.getInstance("X.509").generateCertificate(pem));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(trusted);
        SSLContext tls = SSLContext.getInstance("TLS");
        tls.init(null, trust.getTrustManagers(), null);
        http = HttpClient.newBuilder().sslContext(tls).connectTimeout(Duration.ofSeconds(10)).build();
        address = Files.readString(data.resolve("address")).strip();
        key = Files.readString(data.resolve("identities/enterprise-a.api-key")).strip();
        // end
        // Each run of the sample is an order of its own.
        String order = "JAVA-" + UUID.randomUUID().toString().substring(24);
        String declaration = Files.readString(Path.of(arguments[0]))
            .replaceAll("(\"(?:order_no|cop_no)\": )\"[^\"]*\"", "$1\"" + order + "\"");
        // snippet: submit
        String id = UUID.randomUUID().toString();
        HttpResponse<String> answer = call("POST", "/v1/declarations", "{\"declaration\": " + declaration + "}", id);
        if (answer.statusCode() != 200) {
            // application/problem+json: code, message, every broken rule with its field, in both languages.
            System.out.println(answer.body());
            System.exit(1);
        }
        System.out.println("filed " + answer.body());
        // end
        // snippet: wait
        String state = "";
        while (!state.equals("STATE_RELEASED")) {
            Thread.sleep(200);
            String record = call("GET", "/v1/declarations/number/" + order, "", id).body();
            Matcher found = Pattern.compile("\"state\":\"(STATE_\\w+)\"").matcher(record);
            state = found.find() ? found.group(1) : record;
            System.out.println(state);
        }
        // end
    }

    // snippet: call
    /** Calls, and repeats under the same id what says "not now": no answer, 429 and 503. */
    static HttpResponse<String> call(String method, String path, String body, String id) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create("https://" + address + path))
            .method(method, body.isEmpty() ? BodyPublishers.noBody() : BodyPublishers.ofString(body))
            .header("Authorization", "Bearer " + key)
            .header("Idempotency-Key", id)
            .timeout(Duration.ofSeconds(30))
            .build();
        for (long pause = 50, tries = 0; ; pause = Math.min(2 * pause, 5_000), tries++) {
            long least = pause;
            try {
                HttpResponse<String> answer = http.send(request, BodyHandlers.ofString());
                boolean later = answer.statusCode() == 429 || answer.statusCode() == 503;
                if (!later || tries == 12) return answer;
                least = Math.max(pause, 1_000 * answer.headers().firstValueAsLong("Retry-After").orElse(0));
            } catch (java.io.IOException cut) {
                if (tries == 12) throw cut;
            }
            Thread.sleep(least + ThreadLocalRandom.current().nextLong(pause));
        }
    }
    // end
}
