// Prints errors.txt: every error code of the kafka-clients jar on the class path.
// javac -cp kafka-clients-4.3.1.jar -d /tmp/errors Errors.java
// java -cp kafka-clients-4.3.1.jar:slf4j-api-1.7.36.jar:/tmp/errors Errors > errors.txt
import org.apache.kafka.common.errors.ApiException;
import org.apache.kafka.common.errors.InvalidMetadataException;
import org.apache.kafka.common.errors.RefreshRetriableException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.utils.AppInfoParser;

public class Errors {
    public static void main(String[] arguments) {
        System.out.println("# org.apache.kafka.common.protocol.Errors of Kafka " + AppInfoParser.getVersion());
        System.out.println("# code name retriable refresh-metadata refresh-coordinator");
        for (var error : org.apache.kafka.common.protocol.Errors.values()) {
            ApiException exception = error.exception();
            System.out.println(error.code() + " " + error.name()
                + " " + yes(exception instanceof RetriableException)
                + " " + yes(exception instanceof InvalidMetadataException)
                + " " + yes(exception instanceof RefreshRetriableException && !(exception instanceof InvalidMetadataException)));
        }
    }

    static String yes(boolean value) {
        return value ? "yes" : "no";
    }
}
